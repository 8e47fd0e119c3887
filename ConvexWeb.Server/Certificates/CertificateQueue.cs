using ConvexWeb.Server.Scheduling;
using Npgsql;
using Quartz;

namespace ConvexWeb.Server.Certificates;

/// <summary>A certificate that waits for a worker of its run's group.</summary>
internal sealed record QueuedCertificate(Guid Id, string ExecutionGroup);

/// <summary>Certificates in the queue of runs: each a job of its own with one trigger, behind every run that waits.</summary>
internal sealed class CertificateQueue(IScheduler scheduler, TimeProvider time)
{
    public const string Group = "certificates";
    private const string IdKey = "certificate";

    /// <summary>Adds them within the caller's transaction, which is to commit at once: until then nobody else can schedule.</summary>
    public async Task EnqueueAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<QueuedCertificate> certificates, CancellationToken cancel)
    {
        if (certificates.Count == 0) return;
        var now = time.GetUtcNow();
        var jobs = certificates.Select((certificate, order) => Create(certificate, now.AddTicks(order)))
            .ToDictionary(pair => pair.Job, pair => (IReadOnlyCollection<ITrigger>)[pair.Trigger]);

        // Replacing, because a job may be left there without a trigger.
        using (scheduler.EnlistTransaction(transaction))
            await scheduler.ScheduleJobs(jobs, new ScheduleJobOptions { Replace = true }, cancel);
        await RunQueue.WakeAsync(connection, cancel);
    }

    public static Guid IdOf(IJobExecutionContext context) => Guid.Parse(context.MergedJobDataMap.GetString(IdKey)!);

    // The priorities of runs, 1 to 9, put them years into the past. A certificate is due when it is asked for, which is after all of them.
    private static (IJobDetail Job, ITrigger Trigger) Create(QueuedCertificate certificate, DateTimeOffset since)
    {
        var job = JobBuilder.Create<CertifyJob>().WithIdentity($"{certificate.Id}", Group)
            .RequestRecovery().UsingJobData(IdKey, $"{certificate.Id}").Build();
        var trigger = TriggerBuilder.Create().WithIdentity($"{certificate.Id}", Group).ForJob(job).StartAt(since).WithPriority(0)
            .WithExecutionGroup(certificate.ExecutionGroup).WithSimpleSchedule(RunTriggers.IgnoreMisfires).Build();
        return (job, trigger);
    }
}
