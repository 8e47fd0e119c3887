using ConvexWeb.Server.Persistence;
using Npgsql;
using Quartz;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Makes queue and runs agree, whatever was killed when: a run that waits, or whose worker is gone, and that the queue does not know, is
/// put into the queue; one whose worker stays away says Queued again; a run that somebody cancelled and nobody trains is Cancelled.
/// Every node does it; each pass is idempotent.
/// </summary>
internal sealed class Reconciler(
    NpgsqlDataSource database, IScheduler scheduler, RecoverySweep recoveries, Steady steady, TimeProvider time, ILogger<Reconciler> log)
    : BackgroundService
{
    private const long Lock = 0x5265636F6E; // "Recon"
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private const string Unowned =
        """
        not exists (
            select from attempts a
            where a.run_id = r.id and a.number = r.attempt and a.ended_at is null and a.lease_until > now())
        """;

    private sealed record Lost(QueuedRun Run, DateTimeOffset CreatedAt);

    /// <summary>
    /// A lease that is over in so many passes. A worker that was cut off from a database that is back has renewed long before, and keeps
    /// its run.
    /// </summary>
    private const int Absence = 5;

    private HashSet<long> suspects = [];
    private Dictionary<(long Run, int Attempt), int> absent = [];

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => steady.RunAsync("Looking after the queue", LookAfterAsync, stoppingToken);

    private async Task LookAfterAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await PassAsync(stop);
            }
            catch (PostgresException problem) when (problem.SqlState == PostgresErrorCodes.UndefinedTable)
            {
                // The first start of all: the queue's tables are being made.
            }
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    public async Task PassAsync(CancellationToken cancel)
    {
        await CancelAbandonedAsync(cancel);
        await ReleaseAbandonedAsync(cancel);
        await RequeueAsync(cancel);
        await recoveries.ReviveAsync(cancel);
        if (!await recoveries.PromoteAsync(cancel)) return;
        await using var connection = await database.OpenConnectionAsync(cancel);
        await RunQueue.WakeAsync(connection, cancel);
    }

    // A worker that holds a lease ends the run itself. If it died first, its lease runs out and the run is found here. If it was only away,
    // its next renewal finds the run ended and it kills its trainer.
    private async Task CancelAbandonedAsync(CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            $"""
            with ended as (
                update runs r set state = 'Cancelled', finished_at = now()
                where cancel_requested_at is not null and (state = 'Queued' or state = 'Running' and {Unowned})
                returning id),
            closed as (update attempts set ended_at = now(), outcome = 'lost' from ended where run_id = id and ended_at is null)
            select id, pg_notify('convex_runs', id::text)::text from ended
            """);
        var ended = new List<long>();
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel)) ended.Add(reader.GetInt64(0));
        }
        foreach (var id in ended) await scheduler.DeleteJob(RunTriggers.Job(id), cancel);
    }

    // Its trigger may have to wait long for a slot, and until then nobody should believe that it is being trained. Whoever claims it in
    // this moment has raised the attempt, and nothing happens here.
    private async Task ReleaseAbandonedAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var now = new Dictionary<(long, int), int>();
        await using (var find = new NpgsqlCommand(
            $"select r.id, r.attempt from runs r where r.state = 'Running' and r.cancel_requested_at is null and {Unowned}", connection))
        await using (var reader = await find.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel))
            {
                var key = (reader.GetInt64(0), reader.GetInt32(1));
                now[key] = absent.GetValueOrDefault(key) + 1;
            }
        }
        absent = now;
        foreach (var (run, attempt) in now.Where(seen => seen.Value >= Absence).Select(seen => seen.Key))
        {
            await using var release = new NpgsqlCommand(
                $"""
                with released as (
                    update runs r set state = 'Queued'
                    where id = $1 and attempt = $2 and state = 'Running' and {Unowned} returning id),
                closed as (update attempts set ended_at = now(), outcome = 'lost' from released where run_id = id and ended_at is null)
                select pg_notify('convex_runs', id::text)::text from released
                """, connection)
            { Parameters = { new() { Value = run }, new() { Value = attempt } } };
            await release.ExecuteNonQueryAsync(cancel);
        }
    }

    // Seen in two passes, because a run is for moments in neither place while a worker that stops hands it back.
    private async Task RequeueAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var tryLock = new NpgsqlCommand($"select pg_try_advisory_xact_lock({Lock})", connection, transaction);
        if (await tryLock.ExecuteScalarAsync(cancel) is not true) return;

        var lost = await LostAsync(connection, cancel);
        var again = lost.Where(run => suspects.Contains(run.Run.RunId)).ToList();
        suspects = [.. lost.Select(run => run.Run.RunId)];
        if (again.Count == 0) return;

        var jobs = again.Select(run => RunTriggers.Create(run.Run, run.CreatedAt))
            .ToDictionary(pair => pair.Job, pair => (IReadOnlyCollection<ITrigger>)[pair.Trigger]);
        using (scheduler.EnlistTransaction(transaction))
        {
            // Replacing, because a job may be left there without a trigger. If we die before the commit, the next pass finds the same runs.
            await scheduler.ScheduleJobs(jobs, new ScheduleJobOptions { Replace = true }, cancel);
            await RunQueue.WakeAsync(connection, cancel);
            await transaction.CommitAsync(cancel);
        }
        var names = string.Join(", ", again.Take(20).Select(run => run.Run.RunId));
        log.LogWarning("{Count} runs were missing in the queue and are back: {Runs}", again.Count, names);
    }

    private static async Task<List<Lost>> LostAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select r.id, r.priority, r.execution_group, r.created_at from runs r
            where r.cancel_requested_at is null
              and (r.state = 'Queued' or r.state = 'Running' and {Unowned})
              and not exists (select from {RunTriggers.Schema}.qrtz_triggers t
                  where t.sched_name = '{RunTriggers.Scheduler}' and t.job_group = '{RunTriggers.Group}' and t.job_name = r.id::text)
              and not exists (select from {RunTriggers.Schema}.qrtz_fired_triggers f
                  where f.sched_name = '{RunTriggers.Scheduler}' and f.job_group = '{RunTriggers.Group}' and f.job_name = r.id::text)
            order by r.id limit 500
            """, connection);
        var lost = new List<Lost>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            lost.Add(new(new(reader.GetInt64(0), reader.GetInt32(1), reader.GetString(2)), reader.GetFieldValue<DateTimeOffset>(3)));
        return lost;
    }
}
