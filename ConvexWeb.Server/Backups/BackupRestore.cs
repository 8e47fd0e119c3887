using System.IO.Compression;
using System.Text.Json;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Training.Files;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Backups;

/// <summary>
/// Puts a backup into a database in which nothing is yet, and the files of its runs into the data folder. The rows come in one transaction,
/// after everything was compared with its hash; what is refused leaves the database as it was.
/// </summary>
public sealed class BackupRestore(NpgsqlDataSource database, RunFolders folders)
{
    /// <exception cref="StartException">The file is no backup, is damaged or too new, or there is something here already.</exception>
    public async Task<BackupReport> RestoreAsync(string path, Action<BackupProgress>? tell, CancellationToken cancel)
    {
        try
        {
            await using var file = RegularFile.Open(path);
            await using var archive = await ZipArchive.CreateAsync(
                file, ZipArchiveMode.Read, leaveOpen: true, entryNameEncoding: null, cancel);
            var manifest = await ReadManifestAsync(archive, path, cancel);
            return await RestoreAsync(archive, manifest, tell, cancel) with { Bytes = new FileInfo(path).Length };
        }
        catch (Exception problem) when (problem is InvalidDataException or PostgresException { SqlState: ['2', '2' or '3', ..] })
        {
            throw new StartException($"{path} is damaged, or is no backup of ConvexWeb: {problem.Message}", problem);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"The backup could not be restored: {problem.Message}", problem);
        }
    }

    private static async Task<BackupManifest> ReadManifestAsync(ZipArchive archive, string path, CancellationToken cancel)
    {
        if (archive.GetEntry(BackupManifest.Entry) is not { } entry) throw new InvalidDataException("it has no manifest.");
        BackupManifest? manifest;
        try
        {
            await using var from = await entry.OpenAsync(cancel);
            manifest = await JsonSerializer.DeserializeAsync<BackupManifest>(from, cancellationToken: cancel);
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"its manifest cannot be read ({problem.Message}).", problem);
        }
        if (manifest is not { IsWhole: true })
            throw new InvalidDataException("its manifest is not whole.");
        var newest = Migration.Embedded[^1].Number;
        if (manifest.Format > BackupManifest.Current || manifest.Schema > newest)
        {
            throw new StartException(
                $"{path} was written by ConvexWeb {manifest.Product} with schema {manifest.Schema}, and this program knows only {newest}. "
                + $"Restore it with ConvexWeb {manifest.Product} or a later one.");
        }
        if (manifest.SchemaHash != Migrator.HashUpTo(manifest.Schema))
        {
            throw new StartException(
                $"{path} has a schema {manifest.Schema} of another form than this program's. "
                + $"Restore it with the program that wrote it, ConvexWeb {manifest.Product}.");
        }
        return manifest;
    }

    private async Task<BackupReport> RestoreAsync(
        ZipArchive archive, BackupManifest manifest, Action<BackupProgress>? tell, CancellationToken cancel)
    {
        await CheckEmptyAsync(cancel);
        if (manifest.Tables.DistinctBy(table => table.Name).Count() < manifest.Tables.Count)
            throw new InvalidDataException("it has a table twice.");
        var runs = folders.Database(manifest.Database);
        if (Directory.Exists(runs))
        {
            throw new StartException(
                $"The data folder holds files of this lab's runs already, in {runs}. Move that folder away, or restore into another one.");
        }
        await new Migrator(database, [.. Migration.Embedded.Where(migration => migration.Number <= manifest.Schema)]).ApplyAsync(cancel);

        var total = manifest.Tables.Sum(table => table.Bytes) + manifest.Files.Sum(file => file.Bytes);
        var (what, done) = ("", 0L);
        using var copy = new HashingCopy(bytes => tell?.Invoke(new(what, done += bytes, total)));
        var half = runs + BackupWriter.Half;
        if (Directory.Exists(half)) Directory.Delete(half, recursive: true); // of a restoration that was ended
        folders.MakeRoot();
        try
        {
            foreach (var file in manifest.Files)
            {
                if (!BackupManifest.TryReadFile(file.Entry, out var run, out var attempt, out var name))
                    throw new InvalidDataException($"'{file.Entry}' is no file of a run.");
                what = $"files of run {run}";
                var folder = Path.Combine(half, $"{run}", $"{attempt}");
                folders.MakeOwn(folder);
                await using var to = new FileStream(Path.Combine(folder, name), FileMode.CreateNew, FileAccess.Write);
                await TakeAsync(archive, file.Entry, file.Bytes, file.Sha256, copy, to, cancel);
                to.Flush(flushToDisk: true); // before the rows that name it
            }

            await using var connection = await database.OpenConnectionAsync(cancel);
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            var missing = (await BackupTables.ReadAsync(connection, cancel)).Select(table => table.Name)
                .Except(manifest.Tables.Select(table => table.Name)).ToList();
            if (missing.Count > 0) throw new InvalidDataException($"it lacks the table {missing[0]}.");
            var tables = await BackupTables.InOrderAsync(connection, manifest.Tables, cancel);
            foreach (var table in tables)
            {
                what = $"table {table.Name}";
                await FillAsync(connection, archive, table, copy, cancel);
            }
            // The names become those of sequences.
            var sequences = (await BackupTables.SequencesAsync(connection, cancel)).Select(one => (one.Table, one.Column)).ToHashSet();
            foreach (var sequence in manifest.Sequences.Where(sequence => sequence.Last is not null))
            {
                if (!sequences.Contains((sequence.Table, sequence.Column)))
                    throw new InvalidDataException($"its schema has no numbers for {sequence.Table}.{sequence.Column}.");
                await connection.ExecuteAsync(new CommandDefinition(
                    "select setval(pg_get_serial_sequence(quote_ident(@Table), @Column), @Last)", sequence, cancellationToken: cancel));
            }
            var id = await connection.ExecuteScalarAsync<Guid>(
                new CommandDefinition("select id from this_database", cancellationToken: cancel));
            if (id != manifest.Database) throw new InvalidDataException("its rows are of another database than its files.");
            if (Directory.Exists(half)) Directory.Move(half, runs);
            await transaction.CommitAsync(cancel);
        }
        catch
        {
            if (Directory.Exists(half)) Directory.Delete(half, recursive: true);
            throw;
        }
        await new Migrator(database).ApplyAsync(cancel);
        return await ReleaseAsync(manifest, cancel);
    }

    private async Task CheckEmptyAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        if (!await ExistsAsync("migrations")) return;
        foreach (var table in new[] { "users", "runs", "studies", "audit_entries" })
        {
            if (await ExistsAsync(table) && await connection.ExecuteScalarAsync<bool>($"select exists (select from {table})"))
            {
                throw new StartException(
                    "There is a lab in this database already, and a backup is restored into an empty one only. "
                    + "Name another folder in Convex:Data, or another database in ConnectionStrings:Convex.");
            }
        }

        if (await ExistsAsync("workers") && await connection.ExecuteScalarAsync<bool>(
                "select exists (select from workers where last_seen > now() - interval '1 minute')"))
        {
            throw new StartException("A worker uses this database. Stop it first, and start it again when the backup is restored.");
        }

        async Task<bool> ExistsAsync(string table) => await connection.ExecuteScalarAsync<bool>(
            new CommandDefinition("select to_regclass(@table) is not null", new { table }, cancellationToken: cancel));
    }

    // What the migrations put there, such as the database's id, is another's now.
    private static async Task FillAsync(
        NpgsqlConnection connection, ZipArchive archive, TableCopy table, HashingCopy copy, CancellationToken cancel)
    {
        // The names come from the file, and are compared with those that are there before they are made part of a statement.
        var there = (await BackupTables.ReadAsync(connection, cancel)).SingleOrDefault(one => one.Name == table.Name)
            ?? throw new InvalidDataException($"schema has no table '{table.Name}'.");
        if (!there.Columns.Order().SequenceEqual(table.Columns.Order(), StringComparer.Ordinal))
            throw new InvalidDataException($"table {there.Name} has other columns than its schema.");
        await connection.ExecuteAsync(new CommandDefinition($"delete from {there.Name}", cancellationToken: cancel));
        await using var to = await connection.BeginRawBinaryCopyAsync(
            $"copy {there.Name} ({string.Join(", ", table.Columns)}) from stdin (format binary)", cancel);
        try
        {
            await TakeAsync(archive, table.Entry, table.Bytes, table.Sha256, copy, to, cancel);
        }
        catch
        {
            await to.CancelAsync(); // else what has come is stored as it is disposed of
            throw;
        }
    }

    private static async Task TakeAsync(
        ZipArchive archive, string name, long bytes, string sha256, HashingCopy copy, Stream to, CancellationToken cancel)
    {
        var entry = archive.GetEntry(name) ?? throw new InvalidDataException($"{name} is not in it.");
        await using var from = await entry.OpenAsync(cancel);
        var (read, hash) = await copy.CopyAsync(from, to, cancel, most: bytes + 1);
        if (read != bytes || hash != sha256) throw new InvalidDataException($"{name} is not what was written.");
    }

    // What ran when the snapshot was taken waits again, or ends where that was wished. It is lost as with a worker that is gone, so that
    // the rest of its journal is read; but it was not the item's fault.
    private async Task<BackupReport> ReleaseAsync(BackupManifest manifest, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(
            $"update work_items set lease_until = null where state = 'Running'; {Leases.Release("true", deaths: 0)}",
            cancellationToken: cancel));
        var (runs, points) = await connection.QuerySingleAsync<(long, long)>(new CommandDefinition(
            "select (select count(*) from runs), (select coalesce(sum(last_seq), 0)::bigint from runs)", cancellationToken: cancel));
        return new(manifest.At, runs, points, manifest.Files.Count, Missing: 0, Bytes: 0);
    }
}
