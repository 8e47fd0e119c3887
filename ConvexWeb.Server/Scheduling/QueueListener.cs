using System.Globalization;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Rings for this node's slots when there are tickets, and stops a run here when somebody cancels it. Only for speed: without it a slot
/// looks every few seconds, and a cancelled run is noticed when its lease is renewed.
/// </summary>
internal sealed class QueueListener(Listener listener, TicketQueue queue, RunningRuns running) : BackgroundService
{
    // Whatever was queued while nobody listened.
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => listener.ListenAsync(
        "Listening for queued runs", [TicketOffice.Wake, RunChanges.Cancel], (_, _) => Ring(), Take, stoppingToken);

    private Task Take(Notice notice, CancellationToken stop)
    {
        if (notice.Channel == TicketOffice.Wake) return Ring();
        if (long.TryParse(notice.Payload, NumberStyles.None, CultureInfo.InvariantCulture, out var run)) running.Cancel(run);
        return Task.CompletedTask;
    }

    private Task Ring()
    {
        queue.Wake();
        return Task.CompletedTask;
    }
}
