using System.Security.Cryptography;
using ConvexWeb.Server.Leasing;

namespace ConvexWeb.Server.Certificates;

/// <summary>
/// Copies of the checkpoints that a certificate is made of, in a folder of its own: a training that goes on replaces its files at any
/// moment, and what was hashed must be what is looked at.
/// </summary>
internal sealed class CertificateFolder : IDisposable
{
    private CertificateFolder(string path) => Path = path;

    public string Path { get; }
    public string Checkpoint => System.IO.Path.Combine(Path, "checkpoint.safetensors");
    public string? Twin { get; private set; }

    /// <summary>Of the checkpoint, as the file itself has them.</summary>
    public string Sha256 { get; private set; } = "";
    public long? Step { get; private set; }

    /// <exception cref="FileNotFoundException">A checkpoint is not here; the message is for people.</exception>
    /// <exception cref="IOException">Nothing can be written here.</exception>
    public static async Task<CertificateFolder> MakeAsync(
        RunFolders folders, Assignment owner, CertificateTask task, CancellationToken cancel)
    {
        RemoveOlder(folders, task.Id, owner.Attempt);
        var folder = new CertificateFolder(folders.Certificate(task.Id, owner.Attempt));
        try
        {
            folders.MakeOwn(folder.Path);
            await CopyAsync(folders, owner.Database, task.Checkpoint, folder.Checkpoint, CheckpointFiles.NotHere, cancel);
            if (task.Twin is { } twin)
            {
                folder.Twin = System.IO.Path.Combine(folder.Path, "twin.safetensors");
                var missing = $"Of the twin, run {twin.RunId}: {CheckpointFiles.NotHere}";
                await CopyAsync(folders, owner.Database, twin, folder.Twin, missing, cancel);
            }
            await using var file = File.OpenRead(folder.Checkpoint);
            folder.Step = CheckpointFiles.StepIn(file);
            folder.Sha256 = Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancel));
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    public void Dispose() => Remove(Path);

    private static async Task CopyAsync(
        RunFolders folders, Guid database, CheckpointFile checkpoint, string to, string missing, CancellationToken cancel)
    {
        try
        {
            var path = folders.Checkpoint(database, checkpoint.RunId, checkpoint.Attempt, checkpoint.Kind);
            await using var from = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            await using var copy = new FileStream(to, FileMode.CreateNew);
            await from.CopyToAsync(copy, cancel);
        }
        catch (Exception problem) when (problem is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new FileNotFoundException(missing, problem);
        }
    }

    // What a worker that died in it has left behind.
    private static void RemoveOlder(RunFolders folders, Guid id, int attempt)
    {
        for (var earlier = 1; earlier < attempt; earlier++) Remove(folders.Certificate(id, earlier));
    }

    private static void Remove(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // Not there; or in use by a trainer that is about to end, and then it stays.
        }
    }
}
