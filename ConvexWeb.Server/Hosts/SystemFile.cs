namespace ConvexWeb.Server.Hosts;

/// <summary>Small files of /proc and /sys, which may be absent, forbidden, or gone between two looks.</summary>
internal static class SystemFile
{
    public static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public static IEnumerable<string> Lines(string path) => Read(path)?.Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? [];

    public static long? Number(string path) => long.TryParse(Read(path)?.Trim(), out var number) ? number : null;

    /// <summary>The number behind a word at the start of a line: <c>MemTotal: 123 kB</c>, <c>oom_kill 0</c>.</summary>
    public static long? Number(string path, string word)
    {
        foreach (var line in Lines(path))
        {
            var parts = line.Split([' ', '\t'], 3, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length > 1 && parts[0].TrimEnd(':') == word) return long.TryParse(parts[1], out var number) ? number : null;
        }
        return null;
    }

    public static IEnumerable<string> Folders(string path)
    {
        try
        {
            return Directory.GetDirectories(path).Order(StringComparer.Ordinal);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
