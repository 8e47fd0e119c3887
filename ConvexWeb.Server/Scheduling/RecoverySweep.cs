using Quartz;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// The recovery trigger of a run whose worker died is due at the moment of the first firing, which is behind every waiting run. It goes to
/// the front of its priority instead: the run was there before them. Doing it twice, or on two nodes, does no harm.
/// </summary>
internal sealed class RecoverySweep(IScheduler scheduler, TimeProvider time, ILogger<RecoverySweep> log)
{
    private static readonly GroupMatcher<TriggerKey> Recovered =
        GroupMatcher<TriggerKey>.GroupEquals(SchedulerConstants.DefaultRecoveryGroup);

    public async Task<bool> PromoteAsync(CancellationToken cancel)
    {
        var promoted = false;
        var waiting = await scheduler.QueryTriggers(new TriggerQuery { Group = Recovered, State = TriggerState.Normal }, cancel);
        foreach (var header in waiting.Items.Where(header => !RunTriggers.IsPromoted(header.StartTimeUtc, time.GetUtcNow())))
        {
            // Gone, when a worker was faster.
            if (await scheduler.GetTrigger(header.Key, cancel) is not { } trigger) continue;
            var promotion = RunTriggers.Promote(trigger, time.GetUtcNow());
            promoted |= await scheduler.RescheduleJob(header.Key, promotion, cancellationToken: cancel) is not null;
        }
        return promoted;
    }

    /// <summary>
    /// A trigger whose firing failed for a reason of its node (a database that went away in the middle) is parked; it waits again.
    /// </summary>
    public async Task ReviveAsync(CancellationToken cancel)
    {
        var parked = await scheduler.QueryTriggers(new TriggerQuery { State = TriggerState.Error }, cancel);
        if (parked.Items.Count == 0) return;
        log.LogWarning("{Count} runs could not be fired and are put back into the queue", parked.Items.Count);
        await scheduler.ResetTriggersFromErrorState([.. parked.Items.Select(header => header.Key)], cancel);
    }
}
