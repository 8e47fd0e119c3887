using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Hangfire;
using Hangfire.PostgreSql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// The slots of this node: a Hangfire server with a thread for each. They open when this worker's items of an earlier life are queued
/// again, so that it takes those up first.
/// </summary>
internal sealed class WorkerServer(
    PostgreSqlStorage storage, Leases leases, HeldItems held, IServiceProvider services, WorkerSettings settings, ServiceLoop loop,
    TimeProvider time, ILogger<WorkerServer> log) : HangfireServer(storage, loop, "Taking up what this worker left")
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(200);

    // A process of this name that was silent for so long that this one has the name may wake and renew its leases: it keeps its items.
    protected override async Task PrepareAsync(CancellationToken stop)
    {
        var begun = time.GetTimestamp();
        var told = false;
        while (await leases.LeftBehindAsync(stop) is > 0 and var left && time.GetElapsedTime(begun) < settings.Lease)
        {
            if (!told) log.LogInformation("This worker left {Count} items behind, and waits until it may take them up again", left);
            told = true;
            await Task.Delay(Glance, time, stop);
        }
        if (await leases.TakeBackAsync(stop) is > 0 and var back)
            log.LogWarning("{Count} items that this worker left behind are queued again", back);
    }

    protected override Task FinishAsync() => held.EmptyAsync();

    protected override BackgroundJobServerOptions Options() => new()
    {
        ServerName = settings.Name,
        Queues = [.. settings.QueueList],
        WorkerCount = settings.Slots,
        Activator = new NodeActivator(services),
        ServerTimeout = Silence,
        HeartbeatInterval = TimeSpan.FromSeconds(15),
        CancellationCheckInterval = TimeSpan.FromSeconds(30),
        ShutdownTimeout = TimeSpan.FromSeconds(25), // trainers write checkpoints
        SchedulePollingInterval = TimeSpan.FromSeconds(15),
    };

    /// <summary>Of this node's container, where Hangfire's own is one for the whole process.</summary>
    private sealed class NodeActivator(IServiceProvider services) : JobActivator
    {
        public override object ActivateJob(Type jobType) => services.GetRequiredService(jobType);
    }
}
