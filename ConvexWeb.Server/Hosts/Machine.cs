namespace ConvexWeb.Server.Hosts;

/// <summary>Which machine this is.</summary>
internal static class Machine
{
    /// <summary>
    /// The start of its kernel: the same in all containers of one machine, which share its memory and its devices and have host names of
    /// their own. After a restart it is another, and then nothing runs there any more that had the old one.
    /// </summary>
    public static string Id { get; } = SystemFile.Read("/proc/sys/kernel/random/boot_id")?.Trim() is { Length: > 0 } start
        ? start
        : Environment.MachineName;

    /// <summary>The machine and the container, in one word: where a process id names one process at a time.</summary>
    public static string Place { get; } = $"{Id} {Container()}";

    private static string? Container()
    {
        try
        {
            return new FileInfo("/proc/self/ns/pid").LinkTarget;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
