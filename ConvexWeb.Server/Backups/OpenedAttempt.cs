using ConvexWeb.Training.Files;

namespace ConvexWeb.Server.Backups;

/// <summary>
/// The files of an attempt as they belong together, while its trainer may go on: the checkpoints are open, so that another one that takes
/// their place changes nothing here, and the journal counts up to where it was when both still were the newest. Had it a later line, such
/// as the end of the training, a restored run would be taken for one that has ended, with weights that are not its last.
/// </summary>
internal sealed class OpenedAttempt : IDisposable
{
    public const string JournalName = "metrics.jsonl";
    private const string BestName = "best.safetensors";
    private const string LastName = "last.safetensors";
    private const int MostTries = 100;

    public static readonly string[] Names = [BestName, LastName, JournalName];

    private readonly FileStream? journal;
    private readonly long journalLength;

    private OpenedAttempt(FileStream? best, FileStream? last, FileStream? journal, long journalLength)
        => (Best, Last, this.journal, this.journalLength) = (best, last, journal, journalLength);

    public FileStream? Best { get; }
    public FileStream? Last { get; }

    /// <summary>Those that are there, and how many bytes of each count.</summary>
    public IEnumerable<(string Name, Stream File, long Length)> Files
    {
        get
        {
            if (Best is not null) yield return (BestName, Best, Best.Length);
            if (Last is not null) yield return (LastName, Last, Last.Length);
            if (journal is not null) yield return (JournalName, journal, journalLength);
        }
    }

    /// <exception cref="IOException">The files do not stay as they are for a moment.</exception>
    public static OpenedAttempt Open(string folder)
    {
        for (var tries = 0; tries < MostTries; tries++)
        {
            var (best, last, journal) = (Open(folder, BestName), Open(folder, LastName), Open(folder, JournalName));
            var opened = new OpenedAttempt(best, last, journal, journal?.Length ?? 0);
            // The journal names a checkpoint after it has taken its place.
            if (IsStill(best, folder, BestName) && IsStill(last, folder, LastName)) return opened;
            opened.Dispose();
        }
        throw new IOException($"The checkpoints in {folder} are replaced faster than they can be opened.");
    }

    public void Dispose()
    {
        Best?.Dispose();
        Last?.Dispose();
        journal?.Dispose();
    }

    private static FileStream? Open(string folder, string name)
    {
        try
        {
            var path = Path.Combine(folder, name);
            // A journal may have no line yet, and a crash or a full disk leaves empty files: they are as if they were not there.
            return RegularFile.Is(path) ? RegularFile.Open(path) : null;
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException or NotRegularException)
        {
            return null;
        }
    }

    // A file that takes another's place was written after it, so its time is another.
    private static bool IsStill(FileStream? opened, string folder, string name)
    {
        var now = new FileInfo(Path.Combine(folder, name));
        return opened is null ? !now.Exists || now.Length == 0
            : now.Exists && now.Length == opened.Length && now.LastWriteTimeUtc == File.GetLastWriteTimeUtc(opened.SafeFileHandle);
    }
}
