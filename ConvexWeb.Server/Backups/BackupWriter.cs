using System.IO.Compression;
using System.Text.Json;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Backups;

/// <summary>
/// Writes all that a lab would miss into one file, while it works: one snapshot of the database, and then the files that it names. Data
/// sets are not in it; they can be fetched again.
/// </summary>
public sealed class BackupWriter(NpgsqlDataSource database, RunFolders folders, TimeProvider time)
{
    /// <summary>What is being written; a file without it is whole.</summary>
    public const string Half = ".part";

    private sealed record Attempt(long Run, int Number, bool HasLast, bool HasBest);

    private sealed record Contents(BackupManifest Manifest, IReadOnlyList<Attempt> Attempts, long Runs, long Points);

    /// <summary>The file is there when it is whole, or not at all.</summary>
    /// <exception cref="StartException">The file exists already, or cannot be written.</exception>
    public async Task<BackupReport> WriteAsync(string path, Action<BackupProgress>? tell, CancellationToken cancel)
    {
        path = Path.GetFullPath(path);
        if (Path.Exists(path)) throw new StartException($"{path} exists already; a backup does not take the place of another file.");
        var half = $"{path}.{Guid.NewGuid():N}{Half}"; // no other process writes it
        try
        {
            BackupReport report;
            await using (var file = Create(half))
            {
                report = await WriteAsync(file, tell, cancel);
                file.Flush(flushToDisk: true);
                report = report with { Bytes = file.Length };
            }
            File.Move(half, path);
            return report;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"The backup could not be written: {problem.Message}", problem);
        }
        finally
        {
            if (File.Exists(half)) File.Delete(half);
        }
    }

    // It holds what opens accounts: the keys of cookies, and hashes of passwords.
    private static FileStream Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new(path, options);
    }

    private async Task<BackupReport> WriteAsync(FileStream file, Action<BackupProgress>? tell, CancellationToken cancel)
    {
        await using var archive = await ZipArchive.CreateAsync(
            file, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, cancel);
        var progress = new Progress(tell);
        using var copy = new HashingCopy(progress.Passed);
        var contents = await WriteDatabaseAsync(archive, copy, progress, cancel);
        var (files, missing) = await WriteFilesAsync(archive, copy, progress, contents, cancel);
        var manifest = archive.CreateEntry(BackupManifest.Entry);
        await using (var to = await manifest.OpenAsync(cancel))
            await JsonSerializer.SerializeAsync(to, contents.Manifest with { Files = files }, cancellationToken: cancel);
        return new(contents.Manifest.At, contents.Runs, contents.Points, files.Count, missing, Bytes: 0);
    }

    private async Task<Contents> WriteDatabaseAsync(ZipArchive archive, HashingCopy copy, Progress progress, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        // Before the snapshot, which is not to be held by a folder that does not answer: for the progress it is near enough.
        var known = await ThisDatabaseAsync(connection, cancel);
        var fileBytes = (await AttemptsAsync(connection, cancel)).SelectMany(attempt => FilesOf(known, attempt)).Sum(SizeOf);
        await using var snapshot = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        // A slow backup is waited for; one that writes nothing any more must not keep old rows, and upgrades, waiting.
        await connection.ExecuteAsync("set local idle_in_transaction_session_timeout = '10min'; set local statement_timeout = '2h'");
        var id = await ThisDatabaseAsync(connection, cancel);
        var (runs, points) = await connection.QuerySingleAsync<(long, long)>(new CommandDefinition(
            "select (select count(*) from runs), (select coalesce(sum(last_seq), 0)::bigint from runs)", cancellationToken: cancel));
        var at = time.GetUtcNow();
        var tables = await BackupTables.ReadAsync(connection, cancel);
        var attempts = await AttemptsAsync(connection, cancel);
        progress.Expect(tables.Sum(table => table.Size) + fileBytes);

        var copies = new List<TableCopy>();
        foreach (var table in tables)
        {
            progress.Begin($"table {table.Name}");
            var entry = archive.CreateEntry($"database/{table.Name}", CompressionLevel.Fastest);
            await using var to = await entry.OpenAsync(cancel);
            await using var from = await connection.BeginRawBinaryCopyAsync(
                $"copy {table.Name} ({string.Join(", ", table.Columns)}) to stdout (format binary)", cancel);
            var (bytes, hash) = await copy.CopyAsync(from, to, cancel);
            copies.Add(new(table.Name, table.Columns, bytes, hash));
        }
        var sequences = await BackupTables.SequencesAsync(connection, cancel);
        var schema = await connection.ExecuteScalarAsync<int>(
            new CommandDefinition("select max(number) from migrations", cancellationToken: cancel));
        return new(
            new(BackupManifest.Current, ProductVersion.Text, schema, Migrator.HashUpTo(schema), id, at, copies, sequences, []), attempts,
            runs, points);
    }

    private static async Task<Guid> ThisDatabaseAsync(NpgsqlConnection connection, CancellationToken cancel)
        => await connection.ExecuteScalarAsync<Guid>(new CommandDefinition("select id from this_database", cancellationToken: cancel));

    // Attempts were those of runs alone, before certificates were work items too.
    private static async Task<IReadOnlyList<Attempt>> AttemptsAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        var hasItems = await connection.ExecuteScalarAsync<bool>(
            new CommandDefinition("select to_regclass('work_items') is not null", cancellationToken: cancel));
        var attempts = hasItems
            ? "select i.run_id, a.number from attempts a join work_items i on i.id = a.item_id where i.kind = 'run'"
            : "select run_id, number from attempts";
        return (await connection.QueryAsync<Attempt>(new CommandDefinition(
            $"""
            select a.run_id as run, a.number,
                exists (select from checkpoints c where c.run_id = a.run_id and c.attempt = a.number and c.kind = 'last') as has_last,
                exists (select from checkpoints c where c.run_id = a.run_id and c.attempt = a.number and c.kind = 'best') as has_best
            from ({attempts}) a order by 1, 2
            """, cancellationToken: cancel))).AsList();
    }

    private async Task<(List<FileCopy> Files, int Missing)> WriteFilesAsync(
        ZipArchive archive, HashingCopy copy, Progress progress, Contents contents, CancellationToken cancel)
    {
        var files = new List<FileCopy>();
        var missing = 0;
        foreach (var attempt in contents.Attempts)
        {
            progress.Begin($"files of run {attempt.Run}");
            using var opened = OpenedAttempt.Open(folders.Attempt(contents.Manifest.Database, attempt.Run, attempt.Number));
            if (attempt.HasLast && opened.Last is null) missing++;
            if (attempt.HasBest && opened.Best is null) missing++;
            foreach (var (name, from, length) in opened.Files)
            {
                var isText = name == OpenedAttempt.JournalName;
                var entry = archive.CreateEntry(
                    BackupManifest.FileEntry(attempt.Run, attempt.Number, name),
                    isText ? CompressionLevel.Fastest : CompressionLevel.NoCompression);
                await using var to = await entry.OpenAsync(cancel);
                var (bytes, hash) = await copy.CopyAsync(from, to, cancel, length);
                files.Add(new(entry.FullName, bytes, hash));
            }
        }
        return (files, missing);
    }

    private IEnumerable<string> FilesOf(Guid id, Attempt attempt)
        => OpenedAttempt.Names.Select(name => Path.Combine(folders.Attempt(id, attempt.Run, attempt.Number), name));

    private static long SizeOf(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    /// <summary>Adds up what has been copied.</summary>
    private sealed class Progress(Action<BackupProgress>? tell)
    {
        private string what = "";
        private long done;
        private long total;

        public void Expect(long bytes) => total = bytes;

        public void Begin(string next) => what = next;

        public void Passed(int bytes)
        {
            done += bytes;
            tell?.Invoke(new(what, done, Math.Max(done, total)));
        }
    }
}
