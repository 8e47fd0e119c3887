using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Workers;

public enum RunEnd
{
    /// <summary>Nothing is left to do here: it ended, or it is somebody else's.</summary>
    Done,

    /// <summary>It is to go on later.</summary>
    HandedBack,
}

/// <summary>
/// A run in the hands of this worker: claimed, then attempt after attempt until it ends. The queue may deliver a run twice, late, or after
/// its end; only the claim decides.
/// </summary>
public sealed class RunExecution(
    Leases leases, AttemptExecution attempts, RunningRuns running, DevicePool devices, Patience patience, WorkerSettings settings,
    TimeProvider time, ILogger<RunExecution> log)
{
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(250);

    public async Task<RunEnd> RunAsync(long runId, CancellationToken stop)
    {
        using var registration = running.TryEnter(runId, out var cancelled);
        if (registration is null) return RunEnd.Done; // delivered twice to this node
        using var stopOrCancel = CancellationTokenSource.CreateLinkedTokenSource(stop, cancelled);
        try
        {
            if (await ClaimAsync(runId, stopOrCancel.Token) is not { } assignment) return RunEnd.Done;
            return await TrainAsync(assignment, stopOrCancel.Token);
        }
        catch (OperationCanceledException)
        {
            // Not yet ours, or no database to tell: the lease, if we have one, runs out and the next
            // owner goes on from what is in the folder.
            return RunEnd.HandedBack;
        }
    }

    private async Task<Assignment?> ClaimAsync(long runId, CancellationToken stop)
    {
        var waited = TimeSpan.Zero;
        while (true)
        {
            var claim = await patience.TryAsync($"Run {runId}", cancel => leases.ClaimAsync(runId, cancel), stop);
            if (claim.Assignment is { } assignment) return assignment;

            // A recovery may come before the old lease is over. An owner that renews meanwhile is alive and keeps the run; should
            // it be lost later, the reconciler finds it.
            if (claim.Wait is not { } wait || waited > settings.Lease) return null;
            wait += TimeSpan.FromMilliseconds(20);
            waited += wait;
            await Task.Delay(wait, time, stop);
        }
    }

    private async Task<RunEnd> TrainAsync(Assignment assignment, CancellationToken stop)
    {
        using var device = devices.Take();
        for (var current = assignment; ;)
        {
            log.LogInformation("Run {Run}, attempt {Attempt}: starts on {Device}", current.RunId, current.Attempt, device.Device);
            var end = await AttemptAsync(current, device.Device, stop);
            var how = end.Reason is null ? end.Outcome : $"{end.Outcome}: {end.Reason}";
            log.LogInformation("Run {Run}, attempt {Attempt}: {Outcome}", current.RunId, current.Attempt, how);

            // Telling has a limit only when we are to stop; otherwise it waits for as long as the database is away.
            using var limit = Limit.After(settings.StopPatience + TimeSpan.FromSeconds(5), time, stop);
            if (end.Outcome == Outcome.Died)
            {
                var next = await patience.TryAsync(
                    $"Run {current.RunId}", cancel => leases.RetryAsync(current, end.Reason ?? "", cancel), limit.Token);
                if (next is null) return RunEnd.Done;
                current = next;
                await Task.Delay(Breath, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }
            if (end.Outcome == Outcome.Lost) return RunEnd.Done;
            var state = await patience.TryAsync(
                $"Run {current.RunId}", cancel => leases.EndAsync(current, end.State, end.Outcome, end.Reason, cancel), limit.Token);
            return state == RunState.Queued ? RunEnd.HandedBack : RunEnd.Done;
        }
    }

    private async Task<AttemptEnd> AttemptAsync(Assignment assignment, string device, CancellationToken stop)
    {
        try
        {
            return await attempts.RunAsync(assignment, device, stop);
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            // The edge: whatever it is, the run says so instead of going round for ever.
            log.LogError(problem, "Run {Run}, attempt {Attempt}", assignment.RunId, assignment.Attempt);
            return AttemptEnd.Failed($"The worker could not train it: {problem.Message}");
        }
    }
}
