namespace ConvexWeb.Server.Hosts;

/// <summary>
/// The kernel's count of the processes that it ended because memory ran out. Taken before and after a trainer's end by signal 9, it tells
/// the kernel's signal from one that somebody sent.
/// </summary>
/// <param name="root">Where proc and sys are; / but in tests.</param>
internal sealed class OutOfMemory(string root = "/")
{
    private readonly ControlGroup group = new(root);

    /// <summary>
    /// Of our control group, where that counts: it has the victims of its own limit and of the machine's. Otherwise of the whole machine,
    /// where another's victim may be taken for ours. Null where neither is counted.
    /// </summary>
    public long? Count() => group.OutOfMemoryKills() ?? SystemFile.Number(Path.Combine(root, "proc/vmstat"), "oom_kill");

    /// <summary>Whether there was a victim since an earlier count; null when that cannot be said.</summary>
    public bool? Since(long? before) => before is { } then && Count() is { } now ? now > then : null;
}
