using System.Globalization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Server.Backups;

/// <summary>Writes one more backup into the folder of the settings, and takes the oldest away.</summary>
public sealed class NightlyBackup(BackupWriter writer, AuditTrail trail, IOptions<Settings> settings, TimeProvider time)
{
    private const string Before = "convexweb-";
    private const string After = ".backup";

    /// <returns>What was done, in a sentence.</returns>
    public async Task<string> WriteAsync(CancellationToken cancel)
    {
        var (folder, keep) = (settings.Value.Backup.Folder, settings.Value.Backup.Keep);
        if (folder is null) return "No backup is written: Convex:Backup:Folder names no folder";
        var name = Before + time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HHmmss'Z'", CultureInfo.InvariantCulture) + After;
        try
        {
            Directory.CreateDirectory(folder);
            // One node at a time writes here: what is half now was left by one that was ended.
            foreach (var half in Directory.GetFiles(folder, $"{Before}*{After}{BackupWriter.Half}")) File.Delete(half);
            var report = await writer.WriteAsync(Path.Combine(folder, name), tell: null, cancel);
            var old = Directory.GetFiles(folder, $"{Before}*{After}").OrderDescending(StringComparer.Ordinal).Skip(keep).ToList();
            foreach (var path in old) File.Delete(path);
            var words = BackupWords.Of(report);
            await trail.WriteAsync(AuditActor.Server, new(AuditAction.BackupMade, name, words), cancel);
            return $"{name} is written: {words}" + (old.Count == 0 ? "" : $"; {old.Count} old ones are gone");
        }
        catch (Exception problem) when (problem is StartException or IOException or UnauthorizedAccessException)
        {
            await trail.WriteAsync(AuditActor.Server, new(AuditAction.BackupFailed, name, problem.Message), cancel);
            throw;
        }
    }
}
