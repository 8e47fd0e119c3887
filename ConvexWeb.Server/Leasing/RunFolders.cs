using Microsoft.Extensions.Options;

namespace ConvexWeb.Server.Leasing;

/// <summary>
/// Where the files of runs are: <c>runs/database/run/attempt</c>. Paths are made of ids and two known words that the database holds;
/// nothing of a request is in them. The database's own id keeps apart what two databases have left in one data folder.
/// </summary>
public sealed class RunFolders(IOptions<Settings> settings)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private string Root => Path.Combine(settings.Value.DataFolder, "runs");

    /// <summary>What is taken apart for a certificate, while it is made.</summary>
    public string Certificate(Guid id, int attempt) => Path.Combine(settings.Value.DataFolder, "certificates", $"{id}-{attempt}");

    /// <summary>The files of all runs of a database.</summary>
    public string Database(Guid database) => Path.Combine(Root, $"{database}");

    public string Attempt(Guid database, long runId, int attempt) => Path.Combine(Database(database), $"{runId}", $"{attempt}");

    public string Checkpoint(Guid database, long runId, int attempt, string kind)
    {
        var name = kind is "last" or "best" ? $"{kind}.safetensors" : throw new ArgumentException("last or best", nameof(kind));
        return Path.Combine(Attempt(database, runId, attempt), name);
    }

    /// <summary>On a node that trains: that it may write there is seen now, and not when its first run fails.</summary>
    /// <exception cref="StartException">This user may not.</exception>
    public void Prepare()
    {
        if (!settings.Value.Trains) return;
        try
        {
            MakeRoot();
            var path = Path.Combine(Root, $".{Guid.NewGuid():N}");
            using var probe = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Persistence.Database.DataFolderProblem(settings.Value, problem);
        }
    }

    public void MakeRoot() => MakeOwn(Root);

    /// <summary>Makes a folder that is nobody else's to look into.</summary>
    public void MakeOwn(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, OwnerOnly);
    }
}
