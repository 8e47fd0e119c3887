namespace ConvexWeb.Server.Commands;

/// <summary>
/// The options of a command: its own, and settings. One that is neither would be taken for a setting that is not read, and the command
/// would do something else than was meant.
/// </summary>
internal static class CommandOptions
{
    private static readonly string[] Sections = ["Convex:", "Logging:"];

    // What the entry script and .NET's own host know, and settings that are no section's.
    private static readonly string[] Hosts = ["contentRoot", "environment", "AllowedHosts", "ConnectionStrings:Convex"];

    /// <param name="own">Names of the command's own options.</param>
    /// <returns>What is wrong, in a sentence; null when nothing is.</returns>
    public static string? Problem(IReadOnlyList<string> options, params string[] own)
    {
        for (var i = 0; i < options.Count; i++)
        {
            if (!options[i].StartsWith("--", StringComparison.Ordinal)) return $"'{options[i]}' is not an option.";
            var name = options[i][2..].Split('=')[0];
            if (!own.Concat(Hosts).Contains(name, StringComparer.OrdinalIgnoreCase)
                && !Sections.Any(section => name.StartsWith(section, StringComparison.OrdinalIgnoreCase)))
                return $"--{name} is not an option here.";
            if (options[i].Contains('=', StringComparison.Ordinal)) continue;
            if (++i == options.Count) return $"--{name} has no value.";
        }
        return null;
    }
}
