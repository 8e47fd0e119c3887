using ConvexWeb.Server.Leasing;
using ConvexWeb.Training.Files;

namespace ConvexWeb.Server.Trainers;

/// <summary>
/// The files of one attempt. Every attempt has a folder of its own, so that one that comes back from the dead writes to nobody else's.
/// </summary>
public sealed class AttemptFolder
{
    // The last one is what the next attempt looks for, so it comes last: if we die in between, that
    // attempt takes both from where we took them.
    private static readonly string[] Kinds = ["best", "last"];

    private AttemptFolder(string path, bool resumes) => (Path, Resumes) = (path, resumes);

    public string Path { get; }

    /// <summary>Whether there is a checkpoint in it to go on from.</summary>
    public bool Resumes { get; }

    public static string JournalOf(RunFolders folders, Assignment assignment, int attempt) =>
        System.IO.Path.Combine(folders.Attempt(assignment.Database, assignment.RunId, attempt), "metrics.jsonl");

    /// <summary>
    /// Makes the folder and copies the newest checkpoint of the attempts before into it. This comes before their journals are read for the
    /// last time: a trainer that is still alive may write on, but what led up to this checkpoint is in its journal already.
    /// </summary>
    /// <param name="goesOn">Told after each part of a copy, which may be long.</param>
    public static AttemptFolder Prepare(RunFolders folders, Assignment assignment, Action goesOn)
    {
        var path = folders.Attempt(assignment.Database, assignment.RunId, assignment.Attempt);
        folders.MakeRoot();
        MoveAside(path);
        Directory.CreateDirectory(path);
        for (var earlier = assignment.Attempt - 1; earlier > 0; earlier--)
        {
            var last = new FileInfo(folders.Checkpoint(assignment.Database, assignment.RunId, earlier, "last"));
            // A trainer that has begun here began at step 0, or will in a moment, which voids what the attempts before it reported: had one
            // of them, whose worker was lost, written a checkpoint since, the points before it would not be shown.
            if (!last.Exists && File.Exists(JournalOf(folders, assignment, earlier))) break;
            if (!last.Exists || last.Length == 0) continue;
            foreach (var kind in Kinds)
            {
                Copy(folders.Checkpoint(assignment.Database, assignment.RunId, earlier, kind),
                    folders.Checkpoint(assignment.Database, assignment.RunId, assignment.Attempt, kind), goesOn);
            }
            return new(path, resumes: true);
        }
        return new(path, resumes: false);
    }

    // No number is given twice, and this one was given to us: what is there already was made before the database was put back to a backup.
    // It is kept, but none of it may be taken for ours.
    private static void MoveAside(string path)
    {
        if (!Directory.Exists(path)) return;
        var number = 1;
        while (Directory.Exists($"{path}.foreign-{number}")) number++;
        Directory.Move(path, $"{path}.foreign-{number}");
    }

    private static void Copy(string from, string to, Action goesOn)
    {
        // A crash leaves an empty one; only the last one is needed to go on.
        if (!File.Exists(from) || !RegularFile.Is(from)) return;
        var half = to + ".part";
        try
        {
            CheckpointFiles.Copy(from, half, durable: true, goesOn);
        }
        catch
        {
            TryDelete(half); // on a full disk it would keep the room that was missing
            throw;
        }
        File.Move(half, to, overwrite: true); // whole or not there, also if we die here
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // What is wrong is told already.
        }
    }
}
