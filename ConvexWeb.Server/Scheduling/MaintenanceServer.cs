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
    PostgreSqlStorage storage, IServiceScopeFactory scopes, WorkerSettings settings, ServiceLoop loop) : IHostedService, IDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private Task opening = Task.CompletedTask;
    private BackgroundJobServer? server;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // Hangfire's calls block.
        opening = Task.Run(() => OpenAsync(stopping.Token), CancellationToken.None);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        await opening;
        if (server is null) return;
        server.SendStop();

        // The host's patience may end before Hangfire's threads have: they end with the process.
        await server.WaitForShutdownAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose()
    {
        server?.Dispose();
        stopping.Dispose();
    }

    private async Task OpenAsync(CancellationToken stop)
    {
        await loop.RunAsync("Storing the times of maintenance", StoreSchedule, stop);
        if (stop.IsCancellationRequested) return;
        server = new BackgroundJobServer(
            new BackgroundJobServerOptions
            {
                ServerName = $"{settings.Name}-maintenance",
                Queues = [Maintenance.Queue],
                WorkerCount = 1,
                Activator = new AspNetCoreJobActivator(scopes),
                HeartbeatInterval = TimeSpan.FromSeconds(15),
                SchedulePollingInterval = TimeSpan.FromSeconds(15),
                ServerTimeout = TimeSpan.FromHours(24), // as that of WorkerServer: each server judges all
                ShutdownTimeout = TimeSpan.FromSeconds(5),
            },
            storage);
    }

    private Task StoreSchedule(CancellationToken stop)
    {
        var manager = new RecurringJobManager(storage);
        foreach (var (id, cron, job) in Maintenance.Schedule) manager.AddOrUpdate(id, job, cron, new RecurringJobOptions());
        return Task.CompletedTask;
    }
}
