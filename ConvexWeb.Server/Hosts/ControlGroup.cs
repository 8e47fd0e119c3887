namespace ConvexWeb.Server.Hosts;

/// <summary>
/// The limits that a container or service sets on this process: its control group (version 2) and those above it, of which the tightest
/// counts.
/// </summary>
/// <param name="root">Where proc and sys are; / but in tests.</param>
internal sealed class ControlGroup(string root)
{
    private readonly IReadOnlyList<string> folders = FoldersIn(root);

    /// <summary>Limit and use in bytes; null where there is no limit.</summary>
    public (long Limit, long Used)? Memory()
    {
        (long Limit, long Used)? tightest = null;
        foreach (var folder in folders)
        {
            if (SystemFile.Number(Path.Combine(folder, "memory.max")) is not { } limit || limit >= tightest?.Limit) continue;
            var used = SystemFile.Number(Path.Combine(folder, "memory.current")) ?? 0;

            // Pages of files are given back before anything else happens, as in MemAvailable of a whole machine.
            var pages = Path.Combine(folder, "memory.stat");
            var spare = (SystemFile.Number(pages, "inactive_file") ?? 0) + (SystemFile.Number(pages, "active_file") ?? 0);
            tightest = (limit, Math.Max(0, used - spare));
        }
        return tightest;
    }

    /// <summary>Processors and the microseconds of them that were used so far; null where there is no limit.</summary>
    public (double Processors, long Used)? Processor()
    {
        (double Processors, long Used)? tightest = null;
        foreach (var folder in folders)
        {
            if (SystemFile.Read(Path.Combine(folder, "cpu.max"))?.Split(' ') is not [var quota, var period]) continue;
            if (!long.TryParse(quota, out var most) || !long.TryParse(period, out var of) || of <= 0) continue;
            var processors = (double)most / of;
            if (processors >= tightest?.Processors) continue;
            if (SystemFile.Number(Path.Combine(folder, "cpu.stat"), "usage_usec") is { } used) tightest = (processors, used);
        }
        return tightest;
    }

    /// <summary>Processes of this group that were ended because memory ran out, by whatever limit; null where it is not counted.</summary>
    public long? OutOfMemoryKills()
    {
        var counts = folders.Select(folder => SystemFile.Number(Path.Combine(folder, "memory.events"), "oom_kill")).OfType<long>().ToList();
        return counts.Count == 0 ? null : counts.Max();
    }

    // Its own, then those above it. In a container the first line names the container's own top, which is all that is to be seen there.
    private static List<string> FoldersIn(string root)
    {
        var top = Path.Combine(root, "sys/fs/cgroup");
        var own = SystemFile.Lines(Path.Combine(root, "proc/self/cgroup"))
            .FirstOrDefault(line => line.StartsWith("0::/", StringComparison.Ordinal))?[4..];
        var folders = new List<string>();
        for (var path = own; !string.IsNullOrEmpty(path); path = Path.GetDirectoryName(path)) folders.Add(Path.Combine(top, path));
        folders.Add(top);
        return folders;
    }
}
