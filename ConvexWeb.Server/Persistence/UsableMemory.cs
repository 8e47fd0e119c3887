using System.Globalization;

namespace ConvexWeb.Server.Persistence;

/// <summary>How much memory this process may use: the machine's, or less where a container or a control group has a limit.</summary>
internal static class UsableMemory
{
    /// <summary>For a system that does not say.</summary>
    private const long Unknown = 1L << 30;

    /// <param name="root">Where <c>/proc</c> and <c>/sys</c> are; another folder for tests.</param>
    /// <returns>Bytes.</returns>
    public static long Read(string root = "/")
    {
        var machine = Lines(Path.Combine(root, "proc/meminfo"))
            .Where(line => line.StartsWith("MemTotal:", StringComparison.Ordinal))
            .Select(line => Number(line["MemTotal:".Length..].Replace("kB", "", StringComparison.Ordinal)) * 1024)
            .FirstOrDefault();
        return Limits(root).Append(machine).OfType<long>().DefaultIfEmpty(Unknown).Min();
    }

    // A group is limited by its own file and by those of all groups around it. In a container its path may be one that the host knows and
    // the container does not see; the file at the mount's root is then the container's.
    private static IEnumerable<long?> Limits(string root)
    {
        foreach (var parts in Lines(Path.Combine(root, "proc/self/cgroup")).Select(line => line.Split(':', 3)).Where(p => p.Length == 3))
        {
            var isVersion2 = parts[0] == "0" && parts[1].Length == 0;
            if (!isVersion2 && !parts[1].Split(',').Contains("memory")) continue;
            var (mount, file) = isVersion2 ? ("sys/fs/cgroup", "memory.max") : ("sys/fs/cgroup/memory", "memory.limit_in_bytes");
            for (var group = parts[2].Trim('/'); ; group = Path.GetDirectoryName(group) ?? "")
            {
                yield return Lines(Path.Combine(root, mount, group, file)).Select(Number).FirstOrDefault();
                if (group.Length == 0) break;
            }
        }
    }

    // "max" is no limit, and neither is version 1's way of saying so, which is near the largest number there is.
    private static long? Number(string text)
        => long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value < 1L << 60 ? value : null;

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
