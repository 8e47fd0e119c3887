using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Trainers;

/// <summary>A work item in the hands of this worker, from its claim to the end of the attempt.</summary>
public sealed class ItemExecution(
    Leases leases, HeldItems held, IEnumerable<IWorkExecution> kinds, DatabaseRetry retry, WorkerSettings settings, TimeProvider time,
    ILogger<ItemExecution> log)
{
    private readonly Dictionary<WorkKind, IWorkExecution> kinds = kinds.ToDictionary(kind => kind.Kind);

    /// <returns>How the attempt ended and what that made of the item; the latter is null when the item was not ours to end.</returns>
    public async Task<(AttemptEnd End, ItemEnd? Item)> RunAsync(Assignment assignment, string device, CancellationToken stop)
    {
        // Here the renewal of the lease begins. If we die anywhere, the lease runs out, and the next owner finds what we have left.
        using var item = held.Hold(assignment);
        using var stopOrWish = CancellationTokenSource.CreateLinkedTokenSource(stop, item.Stopped);

        // Storing the end has a limit only when we are to stop, and then from that moment on: a node has StopLimit for all of it, and
        // what hangs in a database that is silent takes a while to give up. Otherwise it waits for as long as the database is away.
        using var limit = GraceToken.After(settings.StopPatience + TimeSpan.FromSeconds(4), time, stop);
        log.LogInformation("{Item}: starts on {Device}", assignment.Name, device);
        var end = await ExecuteAsync(assignment, device, new(stop, stopOrWish.Token, item.Fenced));
        log.LogInformation("{Item}: {Outcome} {Reason}", assignment.Name, end.Outcome.Word(), end.Reason ?? "");
        if (end.Outcome == Outcome.Lost) return (end, null);

        try
        {
            return (end, await retry.RunAsync(assignment.Name, cancel => leases.EndAsync(assignment, end, cancel), limit.Token));
        }
        catch (OperationCanceledException)
        {
            // No database to store it in: the lease runs out, and the next owner goes on from what is in the folder.
            return (end, null);
        }
    }

    private async Task<AttemptEnd> ExecuteAsync(Assignment assignment, string device, AttemptSignals signals)
    {
        try
        {
            return await kinds[assignment.Kind].ExecuteAsync(assignment, device, signals);
        }
        catch (OperationCanceledException) when (signals.Fence.IsCancellationRequested)
        {
            return AttemptEnd.Lost;
        }
        catch (OperationCanceledException) when (signals.Stop.IsCancellationRequested)
        {
            return AttemptEnd.Stopped;
        }
        catch (Exception problem)
        {
            // Whatever it is, the item says so instead of being tried for ever.
            log.LogError(problem, "{Item}", assignment.Name);
            return AttemptEnd.Failed($"The worker could not do it: {problem.Message}", "worker");
        }
    }
}
