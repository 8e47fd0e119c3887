using System.ComponentModel;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Training.Events;

namespace ConvexWeb.Server.Trainers;

/// <summary>
/// One attempt at a run: its folder, what the attempts before it left behind, its trainer, and its journal on the way into the database.
/// The journal is the only source of points, whether the trainer runs, has ended, or ran on another worker that is gone.
/// </summary>
public sealed class RunTraining(
    RunFolders folders, TrainerCommand command, PointWriter writer, StoredSpecs specs, DatabaseRetry retry, WorkerSettings settings,
    Nvml nvml, TimeProvider time) : IWorkExecution
{
    /// <summary>Between two batches of a run, so that many lines share a transaction.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Announcement = TimeSpan.FromMilliseconds(500);

    public WorkKind Kind => WorkKind.Run;

    public async Task<AttemptEnd> ExecuteAsync(Assignment assignment, string device, AttemptSignals signals)
    {
        try
        {
            var guard = new FolderGuard(settings, time, signals);
            var folder = await guard.CallLongAsync(goesOn => AttemptFolder.Prepare(folders, assignment, goesOn), untilStop: true);
            return await AdoptAsync(assignment, guard, signals)
                ?? await TrainAsync(assignment, folder, device, guard, signals);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // Also in the midst of it: the trainer is killed, and the next attempt reads its journal on.
            return Reasons.OfFolder(problem, folders.Attempt(assignment.Database, assignment.RunId, assignment.Attempt));
        }
    }

    // Reads on in the journals of earlier attempts, each from the line up to which it is stored. One that was lost may have come to its end
    // with no worker there to store that; then nothing is left to train.
    private async Task<AttemptEnd?> AdoptAsync(Assignment assignment, FolderGuard guard, AttemptSignals signals)
    {
        if (assignment.Attempt == 1) return null;
        TrainingEvent? end = null;
        var attempts = await retry.RunAsync(assignment.Name, token => writer.StoredAsync(assignment, token), signals.Fence);
        var settled = attempts.LastOrDefault(earlier => earlier.Settles)?.Number ?? 0;
        foreach (var earlier in attempts)
        {
            // Of a lost one that is stored whole only the end is looked for: the worker that stored it may have died before
            // it was the item's. Where a later one has settled it, there is nothing to look for.
            if (earlier.IsWhole && (!earlier.Lost || earlier.Number < settled))
            {
                if (earlier.Settles) end = null;
                continue;
            }
            var journal = new Journal(AttemptFolder.JournalOf(folders, assignment, earlier.Number));
            // One that is to stop does not wait for it: the next owner begins with it, and of a cancelled run LostJournals reads it.
            var (owned, last) = await JournalRest.StoreAsync(
                earlier.IsWhole ? long.MaxValue : earlier.Line,
                () => signals.Stop.IsCancellationRequested
                    ? throw new OperationCanceledException(signals.Stop) : guard.CallAsync(journal.Read, untilStop: true),
                rest => WriteAsync(assignment, earlier.Number, rest, [], announce: false, signals.Fence));
            if (!owned) return AttemptEnd.Lost;
            if (journal.IsFound || earlier.Settles) end = earlier.Lost ? last : null;
            if (earlier.IsWhole) continue;
            // A trainer that lives on without its worker may write more, and a checkpoint that a later attempt goes on from.
            if (last is null) continue;
            await retry.RunAsync(
                assignment.Name, token => writer.MarkStoredAsync(assignment, earlier.Number, token), signals.Fence);
        }
        return end switch
        {
            FinishedEvent => AttemptEnd.Succeeded with { IsStored = true },
            FailedEvent failed => Failure(failed) with { IsStored = true },
            _ => null,
        };
    }

    private async Task<AttemptEnd> TrainAsync(
        Assignment assignment, AttemptFolder folder, string device, FolderGuard guard, AttemptSignals signals)
    {
        var (nodeStops, stop, fence) = signals;
        var (spec, seed) = await retry.RunAsync(assignment.Name, token => specs.ReadAsync(assignment.RunId, token), fence);
        if (stop.IsCancellationRequested) return AttemptEnd.Stopped;
        TrainerProcess trainer;
        try
        {
            trainer = await TrainerProcess.StartAsync(guard, command.For(folder, device, seed), spec, time);
        }
        catch (Win32Exception problem)
        {
            return AttemptEnd.Failed($"The trainer could not be started: {problem.Message}", "trainer");
        }
        await using var running = trainer;

        using var limit = GraceToken.After(settings.StopPatience, time, nodeStops);
        using var wishLimit = GraceToken.After(
            settings.WishPatience > settings.StopPatience ? settings.WishPatience : settings.StopPatience, time, stop);
        await using var asking = stop.Register(trainer.AskToStop);
        await using var killing = limit.Token.Register(trainer.Kill);
        await using var killingLater = wishLimit.Token.Register(trainer.Kill);
        await using var fencing = fence.Register(trainer.Kill);

        await using var watch = HangWatch.Over(trainer, settings.HangLimit, time, () => nvml.UsedBy(trainer.Id, device));
        var (owned, isFound, end) = await IngestAsync(assignment, trainer, guard, signals);
        if (!owned || fence.IsCancellationRequested) return AttemptEnd.Lost;
        var outcome = end switch
        {
            FinishedEvent => AttemptEnd.Succeeded,
            FailedEvent failed => Failure(failed),
            _ when stop.IsCancellationRequested => AttemptEnd.Stopped,
            _ when watch.Reason is { } hang => AttemptEnd.Hung(hang),
            _ => await guard.CallAsync(() => Exit(trainer, folder)),
        };
        return outcome with { IsStored = isFound, PeakMemoryMb = device == "cpu" ? trainer.PeakMemoryMb : watch.PeakDeviceMemoryMb };
    }

    private static AttemptEnd Failure(FailedEvent failed) => failed.Cause switch
    {
        FailureCause.OutOfMemory => AttemptEnd.OutOfMemory(StorableText.Clean(failed.Error)),
        FailureCause.NotFinite => AttemptEnd.Failed(StorableText.Clean(failed.Error), "not_finite"),
        FailureCause.DiskFull => AttemptEnd.Failed(StorableText.Clean(failed.Error), "disk_full"),
        _ => AttemptEnd.Failed(StorableText.Clean(failed.Error)),
    };

    // Codes 1 and 2 are the trainer's own: it would say the same again.
    private static AttemptEnd Exit(TrainerProcess trainer, AttemptFolder folder)
    {
        var reason = Reasons.OfExit(trainer.ExitCode, trainer.Tail, folder.Path, trainer.KilledForMemory);
        return trainer switch
        {
            { ExitCode: 1 or 2 } => AttemptEnd.Failed(reason, trainer.ExitCode == 2 ? "refused" : null),
            { KilledForMemory: true } => AttemptEnd.OutOfMemory(reason),
            _ => AttemptEnd.Died(reason),
        };
    }

    /// <returns>
    /// When the trainer has ended and all is stored: the event that says how. Not owned: the fence has refused a batch. A node that has to
    /// stop before ends it by an exception, and nothing says that all is stored; nor where the journal was not seen at all.
    /// </returns>
    private async Task<(bool Owned, bool IsFound, TrainingEvent? End)> IngestAsync(
        Assignment assignment, TrainerProcess trainer, FolderGuard guard, AttemptSignals signals)
    {
        // Only a node that stops gives up storing; of a cancelled run the rest would come late, by LostJournals.
        using var limit = GraceToken.After(settings.StopPatience + TimeSpan.FromSeconds(3), time, signals.NodeStops);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(signals.Fence, limit.Token);
        var journal = new Journal(AttemptFolder.JournalOf(folders, assignment, assignment.Attempt));
        TrainingEvent? end = null;
        long announced = 0;
        while (true)
        {
            var ended = trainer.HasExited; // asked before reading, so that nothing can be written after the last reading
            var batch = await guard.CallAsync(journal.Read);
            var errors = trainer.TakeErrors();
            end = batch.End ?? end;
            if (batch.Events.Count + errors.Count > 0)
            {
                var announce = announced == 0 || time.GetElapsedTime(announced) > Announcement;
                if (announce) announced = time.GetTimestamp();
                if (!await WriteAsync(assignment, assignment.Attempt, batch, errors, announce, giveUp.Token))
                    return (Owned: false, journal.IsFound, end); // the trainer is killed as it is disposed of
            }
            if (batch.More) continue;
            if (ended) return (Owned: true, journal.IsFound, end);
            await Task.Delay(Pause, time, CancellationToken.None);
            await trainer.ChangedAsync(Poll);
        }
    }

    private Task<bool> WriteAsync(
        Assignment owner, int attempt, JournalBatch batch, IReadOnlyList<ErrorLine> errors, bool announce, CancellationToken cancel)
        => retry.RunAsync(owner.Name, token => writer.WriteAsync(owner, attempt, batch, errors, announce, token), cancel);
}
