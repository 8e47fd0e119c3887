using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Trainers;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ConvexWeb.Server.Workers;

public static class WorkersSetup
{
    /// <summary>What trains runs, on a node that does; and the list of workers, on a node that has pages.</summary>
    public static IServiceCollection AddWorkers(this IServiceCollection services, Settings settings, WorkerSettings worker)
    {
        services.TryAddSingleton<RunFolders>();
        services.AddSingleton<RunningRuns>().AddSingleton<DevicePool>().AddSingleton<Leases>()
            .AddSingleton<MetricIds>().AddSingleton<PointWriter>().AddSingleton<TrainerCommand>().AddSingleton<AttemptExecution>()
            .AddSingleton<RunExecution>();
        if (settings.ServesWeb) services.AddScoped<IWorkers, StoredWorkers>();
        if (settings.Trains && worker.Enabled) services.AddHostedService<WorkerHeartbeat>();
        return services;
    }
}
