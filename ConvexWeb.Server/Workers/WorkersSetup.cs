using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Hosts;
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
        services.AddSingleton<HeldItems>().AddSingleton<DevicePool>().AddSingleton<Leases>().AddSingleton<ItemRequests>()
            .AddSingleton<WaitingItems>().AddSingleton<WorkerStanding>().AddSingleton<WorkerSamples>()
            .AddSingleton(_ => Nvml.Open()).AddSingleton(provider => new HostProbe(
                provider.GetRequiredService<Nvml>(), provider.GetRequiredService<TimeProvider>()))
            .AddSingleton<MetricIds>().AddSingleton<PointWriter>()
            .AddSingleton<TrainerRegister>().AddSingleton<TrainerCommand>().AddSingleton<StoredSpecs>()
            .AddSingleton<IWorkExecution, RunTraining>().AddSingleton<ItemExecution>();
        if (settings.ServesWeb) services.AddScoped<IWorkers, StoredWorkers>();
        if (settings.Trains && worker.Enabled)
        {
            services.AddSingleton<WorkerName>().AddHostedService(provider => provider.GetRequiredService<TrainerRegister>())
                .AddHostedService<WorkerHeartbeat>().AddHostedService<LeaseKeeper>()
                .AddSingleton<LostJournals>().AddHostedService(provider => provider.GetRequiredService<LostJournals>());
        }
        return services;
    }

    /// <summary>Before anything starts that goes by the worker's name; a node that does not train needs none.</summary>
    public static Task TakeWorkerNameAsync(this WebApplication app)
        => app.Services.GetService<WorkerName>() is { } name ? name.TakeAsync() : Task.CompletedTask;
}
