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

    // No table and no file is as large; sums of such numbers stay numbers.
    private const long MostBytes = 1L << 50;

    /// <summary>Whether everything is there that the type says: a file may be anybody's, and JSON leaves out and writes null as it likes.
    /// </summary>
    public bool IsWhole => Format > 0 && Product is not null && SchemaHash is not null && Tables is not null && Sequences is not null
        && Files is not null
        && Tables.All(table => table is { Name: not null, Sha256: not null, Columns: not null, Bytes: >= 0 and <= MostBytes }
            && table.Columns.All(column => column is not null))
        && Sequences.All(sequence => sequence is { Table: not null, Column: not null })
        && Files.All(file => file is { Entry: not null, Sha256: not null, Bytes: >= 0 and <= MostBytes })
        && Tables.Sum(table => (decimal)table.Bytes) + Files.Sum(file => (decimal)file.Bytes) <= long.MaxValue;

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
