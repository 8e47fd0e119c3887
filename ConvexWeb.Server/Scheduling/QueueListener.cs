using System.Globalization;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Rings for this node's slots when there are tickets, and stops an item here that is to be cancelled or paused. Only for speed: without it
/// a slot looks every few seconds, and a wish is noticed when the lease is renewed.
/// </summary>
internal sealed class QueueListener(Listener listener, TicketQueue queue, HeldItems held) : BackgroundService
{
    // Whatever was queued while nobody listened.
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => listener.ListenAsync(
        "Listening for queued runs", [TicketOffice.Wake, RunChanges.Wishes], (_, _) => Ring(), Take, stoppingToken);

    private Task Take(Notice notice, CancellationToken stop)
    {
        if (notice.Channel == TicketOffice.Wake) return Ring();
        if (long.TryParse(notice.Payload, NumberStyles.None, CultureInfo.InvariantCulture, out var item)) held.Stop(item);
        return Task.CompletedTask;
    }

    private Task Ring()
    {
        queue.Wake();
        return Task.CompletedTask;
    }
}
