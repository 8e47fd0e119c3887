using System.ComponentModel;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Training.Events;

namespace ConvexWeb.Server.Trainers;

/// <summary>
/// One attempt: its folder, what the attempts before it left behind, its trainer, and its journal on the way into the database. The journal
/// is the only source of points, whether the trainer runs, has ended, or ran on another worker that is gone.
/// </summary>
public sealed class AttemptExecution(
    RunFolders folders, TrainerCommand command, PointWriter writer, Leases leases, DatabaseRetry retry, WorkerSettings settings,
    TimeProvider time, ILogger<AttemptExecution> log)
{
    /// <summary>Between two batches of a run, so that many lines share a transaction.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Announcement = TimeSpan.FromMilliseconds(500);

    public async Task<AttemptEnd> RunAsync(Assignment assignment, string device, CancellationToken stop)
    {
        // From here to the end the lease is renewed. If we die anywhere, it runs out, and the next
        // owner finds folder and journal as they are.
        using var over = new CancellationTokenSource();
        using var fence = new CancellationTokenSource();
        using var cancelWanted = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var renewal = RenewAsync(assignment, fence, cancelWanted, over.Token);
        try
        {
            AttemptFolder folder;
            try
            {
                folder = AttemptFolder.Prepare(folders, assignment);
                if (await AdoptAsync(assignment, fence.Token) is { } settled) return settled;
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
            {
                var folderOfAttempt = folders.Attempt(assignment.Database, assignment.RunId, assignment.Attempt);
                return AttemptEnd.Failed(Reasons.OfFolder(problem, folderOfAttempt));
            }
            return await TrainAsync(assignment, folder, device, fence.Token, cancelWanted.Token);
        }
        catch (OperationCanceledException) when (fence.IsCancellationRequested)
        {
            return AttemptEnd.Lost;
        }
        finally
        {
            await over.CancelAsync();
            await renewal;
        }
    }

    // Reads on in the journals of earlier attempts, each from the line up to which it is stored. The last one may have come to its end
    // without anybody having been there to say so; then nothing is left to train.
    private async Task<AttemptEnd?> AdoptAsync(Assignment assignment, CancellationToken cancel)
    {
        if (assignment.Attempt == 1) return null;
        var stored = await retry.RunAsync($"Run {assignment.RunId}", token => writer.StoredLinesAsync(assignment.RunId, token), cancel);
        TrainingEvent? end = null;
        foreach (var (earlier, line) in stored.Where(pair => pair.Key < assignment.Attempt).OrderBy(pair => pair.Key))
        {
            var journal = new Journal(AttemptFolder.JournalOf(folders, assignment, earlier));
            JournalBatch batch;
            end = null;
            do
            {
                batch = journal.Read();
                end = EndIn(batch) ?? end;
                var rest = batch with { Events = [.. batch.Events.Where(item => item.N > line)] };
                if (rest.Events.Count > 0 && !await WriteAsync(assignment, earlier, rest, [], announce: false, cancel))
                    return AttemptEnd.Lost;
            }
            while (batch.More);
        }
        return end switch
        {
            FinishedEvent => AttemptEnd.Succeeded,
            FailedEvent failed => AttemptEnd.Failed(StorableText.Clean(failed.Error)),
            _ => null,
        };
    }

    private static TrainingEvent? EndIn(JournalBatch batch) =>
        batch.Events.LastOrDefault(item => item is FinishedEvent or FailedEvent or StoppedEvent);

    private async Task<AttemptEnd> TrainAsync(
        Assignment assignment, AttemptFolder folder, string device, CancellationToken fence, CancellationToken stop)
    {
        if (stop.IsCancellationRequested) return AttemptEnd.Stopped;
        TrainerProcess trainer;
        try
        {
            trainer = await TrainerProcess.StartAsync(command.For(assignment, folder, device), assignment.Spec, time);
        }
        catch (Win32Exception problem)
        {
            return AttemptEnd.Failed($"The trainer could not be started: {problem.Message}");
        }
        await using var running = trainer;

        using var limit = GraceToken.After(settings.StopPatience, time, stop);
        await using var asking = stop.Register(trainer.AskToStop);
        await using var killing = limit.Token.Register(trainer.Kill);
        await using var fencing = fence.Register(trainer.Kill);

        var (owned, end) = await IngestAsync(assignment, trainer, fence, stop);
        if (!owned || fence.IsCancellationRequested) return AttemptEnd.Lost;
        return end switch
        {
            FinishedEvent => AttemptEnd.Succeeded,
            FailedEvent failed => AttemptEnd.Failed(StorableText.Clean(failed.Error)),
            _ when stop.IsCancellationRequested => AttemptEnd.Stopped,
            _ when trainer.ExitCode is 1 or 2 => AttemptEnd.Failed(Reasons.OfExit(trainer.ExitCode, trainer.Tail, folder.Path)),
            _ => AttemptEnd.Died(Reasons.OfExit(trainer.ExitCode, trainer.Tail, folder.Path)),
        };
    }

    /// <returns>When the trainer has ended and all is stored: the event that says how. Not owned: the fence has refused a batch.</returns>
    private async Task<(bool Owned, TrainingEvent? End)> IngestAsync(
        Assignment assignment, TrainerProcess trainer, CancellationToken fence, CancellationToken stop)
    {
        using var limit = GraceToken.After(settings.StopPatience + TimeSpan.FromSeconds(5), time, stop);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(fence, limit.Token);
        var journal = new Journal(AttemptFolder.JournalOf(folders, assignment, assignment.Attempt));
        TrainingEvent? end = null;
        long announced = 0;
        while (true)
        {
            var ended = trainer.HasExited; // asked before reading, so that nothing can be written after the last reading
            var batch = journal.Read();
            var errors = trainer.TakeErrors();
            end = EndIn(batch) ?? end;
            if (batch.Events.Count + errors.Count > 0)
            {
                var announce = announced == 0 || time.GetElapsedTime(announced) > Announcement;
                if (announce) announced = time.GetTimestamp();
                if (!await WriteAsync(assignment, assignment.Attempt, batch, errors, announce, giveUp.Token))
                    return (Owned: false, end); // the trainer is killed as it is disposed of
            }
            if (batch.More) continue;
            if (ended) return (Owned: true, end);
            await Task.Delay(Pause, time, CancellationToken.None);
            await trainer.ChangedAsync(Poll);
        }
    }

    private Task<bool> WriteAsync(
        Assignment owner, int attempt, JournalBatch batch, IReadOnlyList<ErrorLine> errors, bool announce, CancellationToken cancel)
        => retry.RunAsync($"Run {owner.RunId}", token => writer.WriteAsync(owner, attempt, batch, errors, announce, token), cancel);

    // The database being away is no reason to stop: the lease may run out, and is ours again if nobody took the run meanwhile.
    private async Task RenewAsync(
        Assignment assignment, CancellationTokenSource fence, CancellationTokenSource cancelWanted, CancellationToken over)
    {
        using var timer = new PeriodicTimer(settings.Renewal, time);
        while (!over.IsCancellationRequested)
        {
            try
            {
                if (!await timer.WaitForNextTickAsync(over)) return;
                var wanted = await leases.RenewAsync(assignment, over);
                if (wanted == true) await cancelWanted.CancelAsync();
                if (wanted is not null) continue;
                log.LogWarning("Run {Run}, attempt {Attempt}: the run is not this worker's any more", assignment.RunId, assignment.Attempt);
                await fence.CancelAsync();
                return;
            }
            catch (OperationCanceledException) when (over.IsCancellationRequested)
            {
                return;
            }
            catch (Exception problem) when (problem is not OperationCanceledException)
            {
                log.LogDebug("Run {Run}: the lease could not be renewed: {Problem}", assignment.RunId, problem.Message);
            }
        }
    }
}
