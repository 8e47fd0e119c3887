using System.Globalization;
using System.Text.RegularExpressions;

namespace ConvexWeb.Server.Backups;

/// <summary>
/// What a backup says of itself. The file is a ZIP archive: <c>database/TABLE</c> is a table in PostgreSQL's binary COPY format,
/// <c>runs/RUN/ATTEMPT/NAME</c> a file of a run, and <c>manifest.json</c>, written last, this.
/// </summary>
/// <param name="Format">Of the file itself: <see cref="Current"/>.</param>
/// <param name="Product">The version that wrote it.</param>
/// <param name="Schema">The number of the last migration, up to which the tables are to be made before they are filled.</param>
/// <param name="SchemaHash">Of all migrations up to it.</param>
/// <param name="Database">The id of the database, by which the folders of runs are named.</param>
/// <param name="At">When the snapshot was taken.</param>
internal sealed partial record BackupManifest(
    int Format, string Product, int Schema, string SchemaHash, Guid Database, DateTimeOffset At, IReadOnlyList<TableCopy> Tables,
    IReadOnlyList<SequenceValue> Sequences, IReadOnlyList<FileCopy> Files)
{
    public const int Current = 1;
    public const string Entry = "manifest.json";

    /// <summary>Whether an entry is a file of a run: nothing else is ever written into a folder.</summary>
    public static bool TryReadFile(string entry, out long run, out int attempt, out string name)
    {
        (run, attempt, name) = (0, 0, "");
        var match = RunFile().Match(entry);
        if (!match.Success) return false;
        name = match.Groups[3].Value;
        return long.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out run)
            && int.TryParse(match.Groups[2].Value, NumberStyles.None, CultureInfo.InvariantCulture, out attempt);
    }

    public static string FileEntry(long run, int attempt, string name)
        => string.Create(CultureInfo.InvariantCulture, $"runs/{run}/{attempt}/{name}");

    [GeneratedRegex(@"\Aruns/([0-9]{1,18})/([0-9]{1,9})/(last\.safetensors|best\.safetensors|metrics\.jsonl)\z")]
    private static partial Regex RunFile();
}

/// <param name="Bytes">Of the table as it was copied, before it was compressed.</param>
internal sealed record TableCopy(string Name, IReadOnlyList<string> Columns, long Bytes, string Sha256)
{
    public string Entry => $"database/{Name}";
}

/// <summary>What the identity of a table had come to, so that no number is given twice.</summary>
/// <param name="Last">Null when none was given yet.</param>
internal sealed record SequenceValue(string Table, string Column, long? Last);

internal sealed record FileCopy(string Entry, long Bytes, string Sha256);
