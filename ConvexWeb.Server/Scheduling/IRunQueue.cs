using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>A run that waits for a worker. <paramref name="Priority"/> is 1 (last) to 9 (first).</summary>
public sealed record QueuedRun(long RunId, int Priority, string ExecutionGroup);

/// <summary>The durable queue as the rest of the server sees it.</summary>
public interface IRunQueue
{
    /// <summary>Adds runs within the caller's transaction: they are queued when it commits, and never were when it does not.</summary>
    Task EnqueueAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<QueuedRun> runs, CancellationToken cancel = default);

    /// <summary>Takes a run that has not started off the queue; nothing happens when it is not there.</summary>
    Task WithdrawAsync(long runId, CancellationToken cancel = default);

    /// <summary>Asks the node that trains the run, wherever it is, to stop it.</summary>
    Task InterruptAsync(long runId, CancellationToken cancel = default);
}
