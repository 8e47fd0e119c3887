using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Trainers;

/// <summary>A run in the hands of this worker: attempt after attempt until it ends.</summary>
public sealed class RunExecution(
    Leases leases, AttemptExecution attempts, RunningRuns running, DatabaseRetry retry, WorkerSettings settings, TimeProvider time,
    ILogger<RunExecution> log)
{
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(250);

    /// <returns>How it ended, in a word or two.</returns>
    public async Task<string> RunAsync(Assignment assignment, string device, CancellationToken stop)
    {
        // Null when an earlier owner here, who has lost it, has not noticed yet: it is fenced off, and this one is registered by nobody.
        using var registration = running.TryEnter(assignment.RunId, out var cancelled);
        using var stopOrCancel = CancellationTokenSource.CreateLinkedTokenSource(stop, cancelled);
        try
        {
            return await TrainAsync(assignment, device, stopOrCancel.Token);
        }
        catch (OperationCanceledException)
        {
            // No database to tell: the lease runs out and the next owner goes on from what is in the folder.
            return "given up";
        }
    }

    private async Task<string> TrainAsync(Assignment assignment, string device, CancellationToken stop)
    {
        for (var current = assignment; ;)
        {
            log.LogInformation("Run {Run}, attempt {Attempt}: starts on {Device}", current.RunId, current.Attempt, device);
            var end = await AttemptAsync(current, device, stop);
            var how = end.Reason is null ? end.Outcome : $"{end.Outcome}: {end.Reason}";
            log.LogInformation("Run {Run}, attempt {Attempt}: {Outcome}", current.RunId, current.Attempt, how);

            // Telling has a limit only when we are to stop; otherwise it waits for as long as the database is away.
            using var limit = GraceToken.After(settings.StopPatience + TimeSpan.FromSeconds(5), time, stop);
            if (end.Outcome == Outcome.Died)
            {
                var next = await retry.RunAsync(
                    $"Run {current.RunId}", cancel => leases.RetryAsync(current, end.Reason ?? "", cancel), limit.Token);
                if (next is null) return end.Outcome;
                current = next;
                await Task.Delay(Breath, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }
            if (end.Outcome == Outcome.Lost) return end.Outcome;
            var state = await retry.RunAsync(
                $"Run {current.RunId}", cancel => leases.EndAsync(current, end.State, end.Outcome, end.Reason, cancel), limit.Token);
            return state == RunState.Queued ? "handed back" : end.Outcome;
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
