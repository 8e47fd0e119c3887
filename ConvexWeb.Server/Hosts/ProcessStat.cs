using System.Globalization;

namespace ConvexWeb.Server.Hosts;

/// <summary>What <c>/proc/PID/stat</c> says of a process; proc(5).</summary>
/// <param name="Started">In ticks since the machine started. With the id it names one process: ids are used again.</param>
/// <param name="Ticks">Processor time of it and of its children that have ended.</param>
public sealed record ProcessStat(int Id, int Parent, char State, long Started, long Ticks)
{
    /// <summary>USER_HZ, which is 100 wherever .NET runs on Linux.</summary>
    public const int TicksPerSecond = 100;

    /// <summary>Neither ended nor waiting for its parent to notice that.</summary>
    public bool Lives => State is not ('Z' or 'X');

    /// <returns>Null: there is none.</returns>
    public static ProcessStat? Of(int id)
    {
        if (SystemFile.Read($"/proc/{id}/stat") is not { Length: > 0 } text) return null;

        // The program's name stands in parentheses and may hold spaces and parentheses itself. Field 3 is the first behind it.
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        long Field(int number) => long.Parse(fields[number - 3], CultureInfo.InvariantCulture);
        return fields.Length < 20 ? null
            : new(id, (int)Field(4), fields[0][0], Field(22), Field(14) + Field(15) + Field(16) + Field(17));
    }

    /// <summary>It and all that it started, directly or not. What has lost its parent is not found.</summary>
    public static IReadOnlyList<ProcessStat> Tree(int root)
    {
        var children = SystemFile.Folders("/proc").Select(Path.GetFileName)
            .Select(name => int.TryParse(name, out var id) ? Of(id) : null).OfType<ProcessStat>().ToLookup(process => process.Parent);
        var tree = new List<ProcessStat>();
        if (Of(root) is { } first) tree.Add(first);
        for (var next = 0; next < tree.Count; next++) tree.AddRange(children[tree[next].Id]);
        return tree;
    }

    /// <summary>The arguments of a process; empty when there is none.</summary>
    public static IReadOnlyList<string> CommandLine(int id)
        => SystemFile.Read($"/proc/{id}/cmdline")?.Split('\0', StringSplitOptions.RemoveEmptyEntries) ?? [];

    /// <summary>The most memory that a process has had so far; null when there is none.</summary>
    public static int? PeakMemoryMb(int id)
        => SystemFile.Number($"/proc/{id}/status", "VmHWM") is { } kilobytes ? (int)(kilobytes >> 10) : null;
}
