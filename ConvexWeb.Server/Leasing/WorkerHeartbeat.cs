using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Persistence;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>
/// Keeps this worker's row fresh, with what its host has and uses. It is for people, and no run depends on it; but the answer says which
/// version serves the database, and whether the name is still this process's (<see cref="WorkerStanding"/>).
/// </summary>
public sealed class WorkerHeartbeat(
    NpgsqlDataSource database, WorkerSettings settings, WorkerName name, HostProbe probe, DevicePool devices, WorkerSamples samples,
    WorkerStanding standing, HeldItems held, ServiceLoop loop, TimeProvider time, ILogger<WorkerHeartbeat> log) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>A worker that has said nothing for so long is taken for lost.</summary>
    public static readonly TimeSpan Silence = Interval * 5;

    private static readonly TimeSpan SignOff = TimeSpan.FromSeconds(3);

    private readonly string? libtorch = TensorLibrary.VersionOf(settings.TrainerProgram);

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = time.GetUtcNow();
        return loop.RunAsync("The heartbeat", stop => BeatAsync(started, stop), stoppingToken);
    }

    /// <summary>
    /// A worker that is shut down signs off; one that is lost stays on the list as such. So does one that is drained, which must not take
    /// work again because it was started again; but its name is free.
    /// </summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await held.EmptyAsync();
        await base.StopAsync(cancellationToken);
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(SignOff);
            await using var connection = await database.OpenConnectionAsync(patience.Token);
            await connection.ExecuteAsync(new CommandDefinition(
                """
                with gone as (delete from workers where name = @Name and instance = @Instance and not draining)
                update workers set instance = null where name = @Name and instance = @Instance and draining
                """, new { settings.Name, name.Instance }, cancellationToken: patience.Token));
        }
        catch (Exception problem)
        {
            // Whatever it is: the list of workers is for people, and the end of this one must not become a crash for it.
            log.LogDebug(problem, "Not signed off");
        }
    }

    private async Task BeatAsync(DateTimeOffset started, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var report = Report();
        var sampled = 0L;
        do
        {
            if (sampled == 0 || time.GetElapsedTime(sampled) >= WorkerSamples.Interval - Interval / 2)
            {
                sampled = time.GetTimestamp();
                report = Report();
                if (await StoreAsync(started, report, stop)) await samples.StoreAsync(report.Devices, stop);
            }
            else
            {
                await StoreAsync(started, report, stop);
            }
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    private HostReport Report() => probe.Read(settings.DeviceList, settings.DeviceMemoryMb, ProductVersion.Text, libtorch);

    /// <returns>Whether the name is this process's.</returns>
    private async Task<bool> StoreAsync(DateTimeOffset started, HostReport report, CancellationToken cancel)
    {
        if (await WriteAsync(started, report, cancel) is not { } answer)
        {
            standing.Judge(name.Taken, isDraining: false);
            return false;
        }
        if (standing.Judge(DatabaseVersion.Refusal(answer.ProductVersion), answer.Draining)) await WriteAsync(started, report, cancel);
        return true;
    }

    /// <param name="ProductVersion">The version that serves the database.</param>
    private sealed record Answer(bool Draining, string? ProductVersion);

    // A row whose process was heard of lately is that process's. Null: it is another's.
    private async Task<Answer?> WriteAsync(DateTimeOffset started, HostReport report, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.QuerySingleOrDefaultAsync<Answer>(new CommandDefinition(
            $"""
            with forgotten as (delete from workers where last_seen < now() - interval '7 days' and not draining and name <> @Name)
            insert into workers as w (name, host, machine, instance, slots, queues, started_at, last_seen, product_version, libtorch,
                dotnet, driver, cores, load, devices, lends, refused)
            values (@Name, @host, @machine, @Instance, @Slots, @queues, @started, now(), @ProductVersion, @Libtorch, @DotNet, @Driver,
                @Cores, @Load, @devices::jsonb, @Lends::jsonb, @Refused)
            on conflict (name) do update set host = excluded.host, machine = excluded.machine, instance = excluded.instance,
                slots = excluded.slots, queues = excluded.queues, started_at = excluded.started_at, last_seen = now(),
                product_version = excluded.product_version, libtorch = excluded.libtorch, dotnet = excluded.dotnet,
                driver = excluded.driver, cores = excluded.cores, load = excluded.load, devices = excluded.devices,
                lends = excluded.lends, refused = excluded.refused
            where w.instance is null or w.instance = excluded.instance or not ({OpenWorkers.IsAlive})
            returning draining, (select d.product_version from this_database d) as product_version
            """,
            new
            {
                settings.Name,
                host = Environment.MachineName,
                machine = Machine.Id,
                name.Instance,
                settings.Slots,
                queues = string.Join(", ", settings.QueueList),
                started,
                report.ProductVersion,
                report.Libtorch,
                report.DotNet,
                report.Driver,
                report.Cores,
                report.Load,
                devices = WorkerSamples.Json(report.Devices),
                devices.Lends,
                standing.Refused,
            },
            cancellationToken: cancel));
    }
}
