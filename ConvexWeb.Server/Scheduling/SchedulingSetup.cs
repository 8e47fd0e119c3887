using ConvexWeb.Server.Workers;
using Quartz;

namespace ConvexWeb.Server.Scheduling;

public static class SchedulingSetup
{
    // A node that only serves pages is a member of the cluster all the same: it adds runs, interrupts them, and puts the runs of dead
    // workers back when no other worker is left. It serves a group that no run is in.
    private const string NoTraining = "web";

    /// <summary>
    /// The queue: Quartz, clustered in our database. On a node that trains it fires <see cref="TrainRunJob"/>, one for each slot.
    /// </summary>
    public static IServiceCollection AddScheduling(this IServiceCollection services, Settings settings, WorkerSettings worker)
    {
        var trains = settings.Trains && worker.Enabled;
        services.AddQuartz(quartz =>
        {
            quartz.ConfigureScheduler(options =>
            {
                options.InstanceName = RunTriggers.Scheduler;

                // New at every start: of two live processes with one name, each would take the other's runs for its own.
                options.InstanceId = $"{worker.Name}-{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..8]}";
                options.IdleWaitTime = TimeSpan.FromSeconds(1);
                options.MaxBatchSize = 1; // a busy worker must not hoard what another could train
                options.ShutdownJobInterruption = ShutdownJobInterruption.Always;
                options.DefaultMisfireHandling = DefaultMisfireHandling.IgnoreMisfires;
            });
            quartz.UseDefaultThreadPool(trains ? worker.Slots : 1);
            quartz.ServeExecutionGroups(trains ? [.. worker.GroupList, NoTraining] : [NoTraining]);
            quartz.AddJobListener<SlotFreed>();
            quartz.UsePersistentStore(store =>
            {
                store.ConfigureStore(options =>
                {
                    options.TablePrefix = $"{RunTriggers.Schema}.qrtz_";
                    options.AcceptEnlistedTransactions = true;
                    options.RecoverFiringsCancelledByShutdown = true;
                    options.StoreJobDataAsStrings = true;
                    options.MisfireThreshold = TimeSpan.FromDays(7);
                    options.MisfireHandlerFrequency = TimeSpan.FromMinutes(1);
                    options.DbRetryInterval = TimeSpan.FromSeconds(1);
                    options.MaxConsecutiveFireFailures = 0;
                });
                store.UsePostgres(postgres => postgres.UseRegisteredDataSource = true);
                store.UseSystemTextJsonSerializer();
                store.UseClustering(cluster =>
                {
                    cluster.CheckinInterval = worker.CheckIn;
                    cluster.CheckinMisfireThreshold = worker.CheckIn * 2;
                });
                store.ProvisionSchema();
            });
        });
        services.AddQuartzHostedService(options => options.WaitForJobsToComplete = true);
        services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(30)); // trainers write checkpoints

        services.AddSingleton<IRunQueue, RunQueue>();
        services.AddSingleton<RecoverySweep>();
        services.AddHostedService<Reconciler>();
        if (trains) services.AddHostedService<StartupRecovery>().AddHostedService<QueueListener>();
        return services;
    }
}
