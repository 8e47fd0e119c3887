using ConvexWeb.Server.Leasing;
using ConvexWeb.Training.Files;

namespace ConvexWeb.Server.Certificates;

/// <summary>
/// Copies of the checkpoints that a certificate is made of, in a folder of its own: a training that goes on replaces its files at any
/// moment, and what was hashed must be what is looked at.
/// </summary>
internal sealed class CertificateFolder
{
    private CertificateFolder(string path) => Path = path;

    public string Path { get; }
    public string Checkpoint => System.IO.Path.Combine(Path, "checkpoint.safetensors");
    public string? Twin { get; private set; }

    /// <summary>Of the checkpoint, as the file itself has them.</summary>
    public string Sha256 { get; private set; } = "";
    public long? Step { get; private set; }

    /// <param name="goesOn">Told after each part of a copy; what it throws ends the copy.</param>
    /// <exception cref="FileNotFoundException">A checkpoint is not here; the message is for people.</exception>
    /// <exception cref="IOException">Nothing can be written here.</exception>
    public static CertificateFolder Make(RunFolders folders, Assignment owner, CertificateTask task, Action goesOn)
    {
        RemoveOlder(folders, task.Id, owner.Attempt);
        var folder = new CertificateFolder(folders.Certificate(task.Id, owner.Attempt));
        try
        {
            folders.MakeOwn(folder.Path);
            folder.Sha256 = Copy(folders, owner.Database, task.Checkpoint, folder.Checkpoint, CheckpointFiles.NotHere, goesOn);
            if (task.Twin is { } twin)
            {
                folder.Twin = System.IO.Path.Combine(folder.Path, "twin.safetensors");
                Copy(folders, owner.Database, twin, folder.Twin, $"Of the twin, run {twin.RunId}: {CheckpointFiles.NotHere}", goesOn);
            }
            using var file = RegularFile.Open(folder.Checkpoint);
            folder.Step = CheckpointFiles.StepIn(file);
            return folder;
        }
        catch
        {
            folder.Remove();
            throw;
        }
    }

    /// <summary>Deletes it; what cannot be deleted stays.</summary>
    public void Remove() => Remove(Path);

    /// <returns>The hash of what was copied.</returns>
    private static string Copy(
        RunFolders folders, Guid database, CheckpointFile checkpoint, string to, string missing, Action goesOn)
    {
        try
        {
            var path = folders.Checkpoint(database, checkpoint.RunId, checkpoint.Attempt, checkpoint.Kind);
            return CheckpointFiles.Copy(path, to, durable: false, goesOn);
        }
        catch (Exception problem) when (problem is FileNotFoundException or DirectoryNotFoundException or NotRegularException)
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
