using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using Hangfire;
using Hangfire.PostgreSql;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

public static class SchedulingSetup
{
    /// <summary>
    /// The queue: rows that wait, and Hangfire's jobs as tickets for slots. Every node looks after it; a node that trains has slots, and
    /// one that serves pages a slot for maintenance.
    /// </summary>
    public static IServiceCollection AddScheduling(this IServiceCollection services, Settings settings, WorkerSettings worker)
    {
        var trains = settings.Trains && worker.Enabled;
        services.AddSingleton(provider => TicketStorage.Create(
            provider.GetRequiredService<NpgsqlDataSource>(), worker.QueueList,
            () => provider.GetRequiredService<WorkerStanding>().TakesWork));
        services.AddSingleton<JobStorage>(provider => provider.GetRequiredService<PostgreSqlStorage>());
        services.AddSingleton(provider => TicketStorage.QueueOf(provider.GetRequiredService<PostgreSqlStorage>()));
        services.AddSingleton<Preemption>().AddSingleton<TicketOffice>()
            .AddSingleton<IWorkQueue>(provider => provider.GetRequiredService<TicketOffice>());
        services.AddHostedService<Reconciler>();
        if (settings.ServesWeb) services.AddScoped<IQueue, StoredQueue>();
        services.Configure<HostOptions>(options =>
        {
            // What still hangs then, such as a commit that a silent database does not answer, ends with the process.
            options.ShutdownTimeout = worker.StopLimit + TimeSpan.FromSeconds(4);

            // Each may hang for a moment in a database that is silent; one after another, they would take longer than there is. Those that
            // keep the items in hand wait for these by themselves (HeldItems).
            options.ServicesStopConcurrently = true;
        });
        if (settings.ServesWeb) services.AddHostedService<MaintenanceServer>();
        if (trains) services.AddSingleton<WorkTicket>().AddHostedService<QueueListener>().AddHostedService<WorkerServer>();
        return services;
    }
}
