using System.Globalization;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Runs;
using ConvexWeb.Server.Workers;
using Quartz.Extensibility;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Wakes this node's scheduler when a run is queued, and stops a run here when somebody cancels it. Only for speed: without it the
/// scheduler looks every second, and a cancelled run is noticed when its lease is renewed.
/// </summary>
public sealed class QueueListener(Listener listener, ISchedulerSignaler scheduler, RunningRuns running) : BackgroundService
{
    // Whatever was queued while nobody listened.
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => listener.ListenAsync(
        "Listening for queued runs", [RunQueue.Wake, RunChanges.Cancel], (_, stop) => WakeAsync(stop), TakeAsync, stoppingToken);

    private async Task TakeAsync(Notice notice, CancellationToken stop)
    {
        if (notice.Channel == RunQueue.Wake) await WakeAsync(stop);
        else if (long.TryParse(notice.Payload, NumberStyles.None, CultureInfo.InvariantCulture, out var run)) running.Cancel(run);
    }

    private async Task WakeAsync(CancellationToken stop) => await scheduler.SignalSchedulingChange(null, stop);
}
