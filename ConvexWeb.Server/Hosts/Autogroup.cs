namespace ConvexWeb.Server.Hosts;

/// <summary>
/// The niceness of a session. Where the kernel groups processes by session (sched(7), "The autogroup feature"), nice(1) orders only the
/// processes of one session among themselves. A trainer has a session of its own, so it yields to the server only by its group's niceness.
/// </summary>
internal static class Autogroup
{
    // Without CAP_SYS_ADMIN the kernel takes one such change in a tenth of a second, of the whole machine.
    private const int MostTries = 100;
    private static readonly TimeSpan Busy = TimeSpan.FromMilliseconds(110);

    private static readonly TimeSpan FirstGlance = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LastGlance = TimeSpan.FromSeconds(1);

    public static string PathOf(int process) => $"/proc/{process}/autogroup";

    /// <summary>
    /// Sets it as soon as the process has left our session, however long that takes: before that, its group is ours. Does nothing where
    /// there are no such groups.
    /// </summary>
    public static async Task YieldAsync(int process, int niceness, TimeProvider time, CancellationToken cancel)
    {
        var glance = FirstGlance;
        for (var refused = 0; refused < MostTries && !cancel.IsCancellationRequested;)
        {
            if (SystemFile.Read(PathOf(process)) is not { } line) return;
            if (HasLeft(Name(line), OwnName()))
            {
                if (TryWrite(process, niceness)) return;
                refused++;
                glance = Busy;
            }
            await Task.Delay(glance, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            glance = glance * 2 < LastGlance ? glance * 2 : LastGlance;
        }
    }

    /// <summary>
    /// Whether a process has a group that is not ours. Neither need have one: what init starts without a session of its own, such as a
    /// server in a small virtual machine, is in the kernel's root group, which has no name and no niceness.
    /// </summary>
    internal static bool HasLeft(string? group, string? own) => group is not null && group != own;

    /// <summary>"/autogroup-123" of the line "/autogroup-123 nice 0"; null of an empty line, which the root group has.</summary>
    internal static string? Name(string? line) => line?.Split(' ') is [var name, ..] && name.Length > 0 ? name : null;

    private static string? OwnName() => Name(SystemFile.Read("/proc/self/autogroup"));

    private static bool TryWrite(int process, int niceness)
    {
        try
        {
            File.WriteAllText(PathOf(process), $"{niceness}");
            return true;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
