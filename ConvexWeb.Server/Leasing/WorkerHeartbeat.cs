using ConvexWeb.Server.Persistence;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>Keeps this worker's row fresh. It is for people: no run depends on it.</summary>
public sealed class WorkerHeartbeat(
    NpgsqlDataSource database, WorkerSettings settings, ServiceLoop loop, TimeProvider time, ILogger<WorkerHeartbeat> log)
    : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>A worker that has said nothing for so long is taken for lost.</summary>
    public static readonly TimeSpan Silence = Interval * 5;

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = time.GetUtcNow();
        return loop.RunAsync("The heartbeat", stop => BeatAsync(started, stop), stoppingToken);
    }

    /// <summary>A worker that is shut down signs off; one that is lost stays on the list as such.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await using var command = database.CreateCommand("delete from workers where name = $1");
            command.Parameters.Add(new() { Value = settings.Name });
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (Exception problem) when (Outage.Is(problem) || problem is OperationCanceledException)
        {
            log.LogDebug("Not signed off: {Problem}", problem.Message);
        }
    }

    private async Task BeatAsync(DateTimeOffset started, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            await StoreAsync(started, stop);
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    private async Task StoreAsync(DateTimeOffset started, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            """
            with forgotten as (delete from workers where last_seen < now() - interval '7 days')
            insert into workers (name, host, slots, groups, started_at, last_seen) values ($1, $2, $3, $4, $5, now())
            on conflict (name) do update set host = excluded.host, slots = excluded.slots, groups = excluded.groups,
                started_at = excluded.started_at, last_seen = now()
            """);
        var groups = string.Join(", ", settings.GroupList);
        foreach (var value in new object[] { settings.Name, Environment.MachineName, settings.Slots, groups, started })
            command.Parameters.Add(new() { Value = value });
        await command.ExecuteNonQueryAsync(cancel);
    }
}
