using ConvexWeb.Server.Workers;
using Npgsql;
using Quartz;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// A worker that was killed and started again finds its runs where it left them. They go into the queue now, before the scheduler fires
/// anything: otherwise waiting runs would take their slots until the cluster has noticed the death. That the cluster then queues them once
/// more does no harm, nor does a second worker of the same name: a run is claimed only when its lease is over.
/// </summary>
internal sealed class StartupRecovery(
    NpgsqlDataSource database, IScheduler scheduler, WorkerSettings worker, TimeProvider time, ILogger<StartupRecovery> log)
    : IHostedService
{
    // After the scheduler was built, which makes its tables, and before it starts.
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            var runs = await LeftBehindAsync(cancellationToken);
            if (runs.Count == 0) return;
            var now = time.GetUtcNow();
            var jobs = runs.Select(run => RunTriggers.Create(run, now)).ToDictionary(
                pair => pair.Job, pair => (IReadOnlyCollection<ITrigger>)[RunTriggers.Promote(pair.Trigger, now)]);
            await scheduler.ScheduleJobs(jobs, new ScheduleJobOptions { Replace = true }, cancellationToken);
            log.LogWarning("This worker left {Count} runs behind and takes them up again", runs.Count);
        }
        catch (Exception problem) when (problem is NpgsqlException or SchedulerException or TimeoutException)
        {
            log.LogWarning("Runs that this worker left behind are left to the cluster: {Problem}", problem.Message);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task<List<QueuedRun>> LeftBehindAsync(CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            """
            select r.id, r.priority, r.execution_group from runs r join attempts a on a.run_id = r.id and a.number = r.attempt
            where r.state = 'Running' and r.cancel_requested_at is null and a.ended_at is null
              and a.worker = $1 and r.execution_group = any($2) order by r.id
            """);
        command.Parameters.Add(new() { Value = worker.Name });
        command.Parameters.Add(new() { Value = worker.GroupList.ToArray() });
        var runs = new List<QueuedRun>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel)) runs.Add(new(reader.GetInt64(0), reader.GetInt32(1), reader.GetString(2)));
        return runs;
    }
}
