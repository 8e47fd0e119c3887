namespace ConvexWeb.Server.Backups;

/// <summary>Section <c>Convex:Backup</c>: what is written every night.</summary>
public sealed class BackupSettings
{
    /// <summary>The folder, which every node that serves pages reaches; null: nothing is written.</summary>
    public string? Folder { get; set; }

    /// <summary>How many are kept; the oldest go.</summary>
    public int Keep { get; set; } = 7;

    internal IEnumerable<string> Problems()
    {
        if (Keep is < 1 or > 1000) yield return $"Convex:Backup:Keep must be from 1 to 1000, not {Keep}.";
        if (Folder is { } folder && !Path.IsPathRooted(folder)) yield return $"Convex:Backup:Folder must be a whole path, not '{folder}'.";
    }
}
