using System.Security.Cryptography;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Files;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// The two checkpoints in a run's folder: the last state, from which the run is resumed, and the weights of the best evaluation.
/// </summary>
internal sealed class RunCheckpoints(Spec spec, TrainerSettings settings, Learner learner, RunningPoints points, EventWriter events)
{
    public const string LastFileName = "last.safetensors";
    private const string BestFileName = "best.safetensors";

    private long savedAt;

    /// <summary>Whether the last state is old enough to be written again.</summary>
    public bool IsDue => settings.Clock.GetElapsedTime(savedAt) >= settings.CheckpointEvery;

    /// <returns>Where the run was, with its state in place again; null when nothing is to be resumed.</returns>
    /// <exception cref="SafeTensorsException">The file is damaged, or belongs to another spec or seed.</exception>
    public Progress? Restore()
    {
        savedAt = settings.Clock.GetTimestamp();
        if (!settings.Resume || settings.Folder is not { } folder) return null;
        var file = Path.Combine(folder, LastFileName);
        if (!File.Exists(file)) return null;
        var progress = Checkpoint.Restore(file, spec, settings.Seed, learner.Network, learner.Optimizer, learner.FurtherState);
        points.Restore(progress);
        return progress;
    }

    /// <returns>The progress as it was stored.</returns>
    public Progress SaveLast(Progress progress)
    {
        progress = points.Store(progress) with
        {
            FewerSteps = learner.Optimizer.FewerSteps,
            Negatives = progress.Negatives + learner.Optimizer.TakeNegatives(),
        };
        Save(CheckpointKind.Last, progress);
        savedAt = settings.Clock.GetTimestamp();
        return progress;
    }

    public void SaveBest(Progress progress) => Save(CheckpointKind.Best, progress);

    private void Save(CheckpointKind kind, Progress progress)
    {
        if (settings.Folder is not { } folder) return;
        // If we die before the rename, the older checkpoint stands and its points are all in the journal.
        events.Drain();
        var isLast = kind == CheckpointKind.Last;
        var file = Path.Combine(folder, isLast ? LastFileName : BestFileName);
        Checkpoint.Save(
            file, spec, settings.Seed, learner.Network, isLast ? learner.Optimizer : null, progress, isLast ? learner.FurtherState : null);
        using var stream = RegularFile.Open(file);
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(stream));
        events.Report(new CheckpointEvent(kind, progress.Step, Path.GetFileName(file), stream.Length, sha256));
    }
}
