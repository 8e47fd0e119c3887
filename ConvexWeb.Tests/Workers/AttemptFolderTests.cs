using ConvexWeb.Server;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Trainers;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Tests.Workers;

public sealed class AttemptFolderTests : IDisposable
{
    private readonly TestFolder folder = new();
    private readonly RunFolders folders;

    public AttemptFolderTests() => folders = new(Options.Create(new Settings { Data = folder.Path }));

    [Fact]
    public void Prepare_CheckpointsOfEarlierAttempts_TakesTheNewestPair()
    {
        Store(1, "best", "b1");
        Store(1, "last", "l1");
        Store(2, "best", "b2"); // it died before it had copied the last one

        var prepared = AttemptFolder.Prepare(folders, Attempt(3), () => { });

        Assert.True(prepared.Resumes);
        var kept = new[] { "best", "last" }
            .Select(kind => File.ReadAllText(System.IO.Path.Combine(prepared.Path, $"{kind}.safetensors")));
        Assert.Equal(["b1", "l1"], kept);
    }

    // What the first attempt wrote after the second had begun at step 0 is void, and so is the way to its checkpoint.
    [Fact]
    public void Prepare_ACheckpointOfBeforeAnAttemptThatBeganAnew_IsNotGoneOnFrom()
    {
        Store(1, "last", "l1");
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path(2, "last"))!);
        var journal = AttemptFolder.JournalOf(folders, Attempt(2), 2);
        File.WriteAllText(journal, ""); // its trainer may be loading, and begin in a moment
        Assert.False(AttemptFolder.Prepare(folders, Attempt(3), () => { }).Resumes);

        File.AppendAllText(journal, TrainingEvents.Line(TrainingDatabase.StartedAt(0)) + "\n");
        Assert.False(AttemptFolder.Prepare(folders, Attempt(3), () => { }).Resumes);
    }

    // A power cut leaves empty files. The second attempt resumed, as its empty one shows.
    [Fact]
    public void Prepare_EmptyFiles_AreGoneOnWithout()
    {
        Store(1, "best", "");
        Store(1, "last", "l1");
        Store(2, "last", "");
        File.WriteAllText(
            AttemptFolder.JournalOf(folders, Attempt(2), 2), TrainingEvents.Line(TrainingDatabase.StartedAt(10)) + "\n");

        var prepared = AttemptFolder.Prepare(folders, Attempt(3), () => { });

        Assert.True(prepared.Resumes);
        Assert.Equal("l1", File.ReadAllText(Path(3, "last")));
        Assert.False(File.Exists(Path(3, "best")));
        Assert.Empty(Directory.GetFiles(prepared.Path, "*.part"));
    }

    // The next attempt looks for the last checkpoint, so from the moment that one is there the best one must be there too.
    [Fact]
    public void Prepare_DiesBeforeTheLastCheckpointIsThere_HasTheBestAlready()
    {
        Store(1, "best", "b1");
        var last = Store(1, "last", "l1");
        using (new FileStream(last, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
            Assert.Throws<IOException>(() => AttemptFolder.Prepare(folders, Attempt(2), () => { }));

        Assert.True(File.Exists(Path(2, "best")));
        Assert.False(File.Exists(Path(2, "last")));
    }

    [Fact]
    public void Prepare_FolderIsThereAlready_IsMovedAsideAndNotResumedFrom()
    {
        Store(1, "last", "foreign");

        var prepared = AttemptFolder.Prepare(folders, Attempt(1), () => { });

        Assert.False(prepared.Resumes);
        Assert.Empty(Directory.GetFileSystemEntries(prepared.Path));
        Assert.Equal("foreign", File.ReadAllText(System.IO.Path.Combine(prepared.Path + ".foreign-1", "last.safetensors")));
    }

    [Fact]
    public void Prepare_FirstRunOfAll_NobodyElseLooksIntoTheFolderOfRuns()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such modes.");
        AttemptFolder.Prepare(folders, Attempt(1), () => { });

        if (!OperatingSystem.IsWindows())
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(System.IO.Path.Combine(folder.Path, "runs")));
    }

    public void Dispose() => folder.Dispose();

    private static Assignment Attempt(int number) => new(Guid.Empty, 70, WorkKind.Run, 7, number);

    private string Path(int attempt, string kind) => folders.Checkpoint(Guid.Empty, 7, attempt, kind);

    private string Store(int attempt, string kind, string content)
    {
        var path = Path(attempt, kind);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }
}
