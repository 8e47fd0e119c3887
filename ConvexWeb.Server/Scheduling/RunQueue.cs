using Npgsql;
using Quartz;

namespace ConvexWeb.Server.Scheduling;

/// <summary>The queue is Quartz's tables in our own database, so that a run and its place in the queue are one transaction.</summary>
public sealed class RunQueue(IScheduler scheduler, TimeProvider time) : IRunQueue
{
    /// <summary>Something may be due. Payload: nothing.</summary>
    public const string Wake = "convex_queue";

    public async Task EnqueueAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<QueuedRun> runs, CancellationToken cancel = default)
    {
        if (runs.Count == 0) return;
        var now = time.GetUtcNow();
        var jobs = runs.Select((run, order) => RunTriggers.Create(run, now.AddTicks(order)))
            .ToDictionary(pair => pair.Job, pair => (IReadOnlyCollection<ITrigger>)[pair.Trigger]);

        // From here to the caller's commit nobody else can schedule: the queue's lock is held by his transaction.
        using (scheduler.EnlistTransaction(transaction)) await scheduler.ScheduleJobs(jobs, cancellationToken: cancel);
        await WakeAsync(connection, cancel);
    }

    /// <summary>Workers look at the queue when the connection's transaction commits, or at once outside of one.</summary>
    public static async Task WakeAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"select pg_notify('{Wake}', '')", connection);
        await command.ExecuteNonQueryAsync(cancel);
    }

    // Also takes away the recovery trigger of a run whose worker died. Deleting the job of a run that is being trained would delete the
    // interrupt request with it, so this is only for runs whose row says already that they are not to be trained.
    public async Task WithdrawAsync(long runId, CancellationToken cancel = default)
        => await scheduler.DeleteJob(RunTriggers.Job(runId), cancel);

    // Third of three ways: the notification in the transaction of the request is the fast one, and
    // the worker reads the row every two seconds.
    public async Task InterruptAsync(long runId, CancellationToken cancel = default)
        => await scheduler.Interrupt(RunTriggers.Job(runId), cancel);
}
