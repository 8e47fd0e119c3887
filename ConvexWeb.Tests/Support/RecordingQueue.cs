using ConvexWeb.Server.Scheduling;
using Npgsql;

namespace ConvexWeb.Tests.Support;

/// <summary>Writes down what it is told, for tests of what stands before the queue.</summary>
public sealed class RecordingQueue : IRunQueue
{
    public List<QueuedRun> Enqueued { get; } = [];
    public List<long> Withdrawn { get; } = [];
    public List<long> Interrupted { get; } = [];

    /// <summary>When set, taking runs in fails with it.</summary>
    public Exception? Broken { get; set; }

    public Task EnqueueAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<QueuedRun> runs, CancellationToken cancel = default)
    {
        Assert.Same(connection, transaction.Connection);
        if (Broken is { } problem) throw problem;
        lock (Enqueued) Enqueued.AddRange(runs);
        return Task.CompletedTask;
    }

    public Task WithdrawAsync(long runId, CancellationToken cancel = default)
    {
        lock (Withdrawn) Withdrawn.Add(runId);
        return Task.CompletedTask;
    }

    public Task InterruptAsync(long runId, CancellationToken cancel = default)
    {
        lock (Interrupted) Interrupted.Add(runId);
        return Task.CompletedTask;
    }
}
