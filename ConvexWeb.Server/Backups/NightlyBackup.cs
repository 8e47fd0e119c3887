using System.Globalization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Backups;

/// <summary>Writes one more backup into the folder of the settings, and takes the oldest away.</summary>
public sealed class NightlyBackup(
    NpgsqlDataSource database, BackupWriter writer, AuditTrail trail, IOptions<Settings> settings, TimeProvider time)
{
    private const long Lock = 0x4E69676874; // "Night"
    private const string After = ".backup";
    private const string Form = "yyyy-MM-dd'T'HHmmss'Z'";

    // Of a process that was ended; one that writes for longer has a very large lab.
    private static readonly TimeSpan OldHalf = TimeSpan.FromDays(2);

    /// <returns>What was done, in a sentence.</returns>
    public async Task<string> WriteAsync(CancellationToken cancel)
    {
        if (settings.Value.Backup.Folder is not { } folder) return "No backup is written: Convex:Backup:Folder names no folder";

        // A job may be delivered twice, and somebody may start it by hand.
        await using var connection = await database.OpenConnectionAsync(cancel);
        if (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition("select pg_try_advisory_lock(@Lock)", new { Lock })))
            return "No backup is written: another node writes one";
        try
        {
            // Labs may share the folder.
            var id = await connection.ExecuteScalarAsync<Guid>(new CommandDefinition("select id from this_database"));
            return await WriteAsync(folder, $"convexweb-{id.ToString("N")[..8]}-", cancel);
        }
        finally
        {
            try
            {
                await connection.ExecuteAsync("select pg_advisory_unlock(@Lock)", new { Lock });
            }
            catch (NpgsqlException)
            {
                // The connection has gone, and the lock with it.
            }
        }
    }

    private async Task<string> WriteAsync(string folder, string before, CancellationToken cancel)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var name = before + now.ToString(Form, CultureInfo.InvariantCulture) + After;
        try
        {
            Directory.CreateDirectory(folder);
            foreach (var half in Directory.GetFiles(folder, $"{before}*{BackupWriter.Half}"))
                if (now - File.GetLastWriteTimeUtc(half) > OldHalf) File.Delete(half);
            var words = BackupWords.Of(await writer.WriteAsync(Path.Combine(folder, name), tell: null, cancel));
            await trail.WriteAsync(AuditActor.Server, new(AuditAction.BackupMade, name, words), cancel);
            return $"{name} is written: {words}{Forget(folder, before, now)}";
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            await trail.WriteAsync(AuditActor.Server, new(AuditAction.BackupFailed, name, problem.Message), CancellationToken.None);
            throw;
        }
    }

    // The new one is there, whatever becomes of the old ones.
    private string Forget(string folder, string before, DateTime now)
    {
        try
        {
            var old = Directory.GetFiles(folder).Select(path => (Path: path, At: TimeOf(Path.GetFileName(path), before)))
                .Where(file => file.At <= now).OrderByDescending(file => file.At).Skip(settings.Value.Backup.Keep).ToList();
            foreach (var file in old) File.Delete(file.Path);
            return old.Count == 0 ? "" : $"; {old.Count} old ones are gone";
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return $"; old ones could not be deleted: {problem.Message}";
        }
    }

    // Null for what is not written here: somebody may keep another file there, and that one stays.
    private static DateTime? TimeOf(string name, string before)
        => name.StartsWith(before, StringComparison.Ordinal) && name.EndsWith(After, StringComparison.Ordinal)
            && DateTime.TryParseExact(
                name[before.Length..^After.Length], Form, CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;
}
