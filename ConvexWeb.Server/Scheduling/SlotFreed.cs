using Quartz;
using Quartz.Extensibility;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// A run has ended: the scheduler looks at the queue now instead of at its next poll. The store is
/// updated after this call, hence the waits.
/// </summary>
internal sealed class SlotFreed(ISchedulerSignaler scheduler, TimeProvider time) : IJobListener
{
    private static readonly TimeSpan[] Waits = [TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(100)];

    public string Name => "slot-freed";

    public ValueTask JobWasExecuted(
        IJobExecutionContext context, JobExecutionException? jobException, CancellationToken cancellationToken = default)
    {
        _ = WakeAsync();
        return default;
    }

    private async Task WakeAsync()
    {
        try
        {
            foreach (var wait in Waits)
            {
                await Task.Delay(wait, time);
                await scheduler.SignalSchedulingChange(null);
            }
        }
        catch (Exception problem) when (problem is SchedulerException or ObjectDisposedException or OperationCanceledException)
        {
            // The scheduler is stopping and will not take another run.
        }
    }
}
