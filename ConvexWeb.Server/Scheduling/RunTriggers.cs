using System.Globalization;
using ConvexWeb.Server.Workers;
using Quartz;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// How a run looks in the queue: a job of its own with one trigger, both named by the run's id. A job per run, because an interrupt and a
/// withdrawal name the job, and that name survives a recovery while the trigger's does not.
/// </summary>
internal static class RunTriggers
{
    public const string Scheduler = "convex";
    public const string Group = "runs";
    public const string Schema = "quartz";
    private const string RunKey = "run";

    // Quartz fires by due time, and priority only breaks ties. So rank is put into the due time: a year in the past for each step of
    // priority, then first come first served; and a recovered run stands before all others of its priority.
    private static readonly TimeSpan PriorityStep = TimeSpan.FromDays(365);
    private static readonly TimeSpan Promotion = TimeSpan.FromDays(300);

    public static JobKey Job(long runId) => new(runId.ToString(CultureInfo.InvariantCulture), Group);

    public static long RunId(IJobExecutionContext context)
        => long.Parse(context.MergedJobDataMap.GetString(RunKey)!, CultureInfo.InvariantCulture);

    /// <param name="since">When the run was queued: of two runs of one priority the earlier goes first.</param>
    public static (IJobDetail Job, ITrigger Trigger) Create(QueuedRun run, DateTimeOffset since)
    {
        var job = JobBuilder.Create<TrainRunJob>().WithIdentity(Job(run.RunId)).RequestRecovery()
            .UsingJobData(RunKey, run.RunId.ToString(CultureInfo.InvariantCulture)).Build();
        var trigger = TriggerBuilder.Create().WithIdentity(run.RunId.ToString(CultureInfo.InvariantCulture), Group).ForJob(job)
            .StartAt(since - PriorityStep * run.Priority).WithPriority(run.Priority).WithExecutionGroup(run.ExecutionGroup)
            .WithSimpleSchedule(IgnoreMisfires).Build();
        return (job, trigger);
    }

    public static bool IsPromoted(DateTimeOffset start, DateTimeOffset now) => start < now - Promotion;

    public static ITrigger Promote(ITrigger recovery, DateTimeOffset now) => recovery.GetTriggerBuilder()
        .StartAt(now - PriorityStep * recovery.Priority - Promotion).WithSimpleSchedule(IgnoreMisfires).Build();

    // However late a run is fired, it is fired.
    public static void IgnoreMisfires(SimpleScheduleBuilder schedule)
        => schedule.WithMisfireInstruction(SimpleTriggerMisfireInstruction.IgnoreMisfires);
}
