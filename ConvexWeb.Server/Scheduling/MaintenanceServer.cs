using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Hangfire;
using Hangfire.AspNetCore;
using Hangfire.PostgreSql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// One slot for <see cref="Maintenance"/>, on each node that serves pages: a Hangfire server of its own, so that trainings cannot take it.
/// Its queue is Hangfire's own object and not <see cref="TicketQueue"/>: that rings one waiting slot for a ticket, and must not ring this
/// one.
/// </summary>
internal sealed class MaintenanceServer(
    PostgreSqlStorage storage, IServiceScopeFactory scopes, WorkerSettings settings, ServiceLoop loop)
    : HangfireServer(storage, loop, "Storing the times of maintenance")
{
    protected override Task PrepareAsync(CancellationToken stop)
    {
        var manager = new RecurringJobManager(Storage);
        foreach (var (id, cron, job) in Maintenance.Schedule) manager.AddOrUpdate(id, job, cron, new RecurringJobOptions());
        return Task.CompletedTask;
    }

    protected override BackgroundJobServerOptions Options() => new()
    {
        ServerName = $"{settings.Name}-maintenance",
        Queues = [Maintenance.Queue],
        WorkerCount = 1,
        Activator = new AspNetCoreJobActivator(scopes),
        HeartbeatInterval = TimeSpan.FromSeconds(15),
        SchedulePollingInterval = TimeSpan.FromSeconds(15),
        ServerTimeout = Silence,
        ShutdownTimeout = TimeSpan.FromSeconds(5),
    };
}
