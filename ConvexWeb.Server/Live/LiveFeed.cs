using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Runs;

namespace ConvexWeb.Server.Live;

/// <summary>
/// Points, from the database to the browsers of this node. Notifications only say which runs to look at; what is sent is read from the
/// table, from where the last batch ended. So a notification that is lost, doubled or late costs nothing but time, and many of them make
/// one batch.
/// </summary>
public sealed class LiveFeed(PointReader points, WatchList watched, Outbox outbox, Listener listener, ServiceLoop loop, TimeProvider time)
    : BackgroundService
{
    /// <summary>The first change after a pause is sent at once; the next ones wait this long for company.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private const int BatchSize = 20_000;

    private readonly ChangedRuns changed = new();

    public void PointsChanged(IEnumerable<long> runIds) => changed.Add(runIds);

    // Whatever happened while nobody listened is read when the listening begins.
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        listener.ListenAsync(
            "Listening for points of runs", [RunChanges.Points],
            (_, _) =>
            {
                changed.Add(watched.All());
                return Task.CompletedTask;
            },
            changed.TakeAsync, stoppingToken),
        loop.RunAsync("Sending points of runs", SendAsync, stoppingToken));

    private async Task SendAsync(CancellationToken stop)
    {
        while (true)
        {
            var ids = await changed.NextAsync(stop);
            try
            {
                foreach (var id in ids) await SendPointsAsync(id, stop);
            }
            catch (Exception problem) when (Outage.Is(problem))
            {
                changed.Add(ids); // they are sent when the database is back
                throw;
            }
            await Task.Delay(Pause, time, stop);
        }
    }

    private async Task SendPointsAsync(long runId, CancellationToken stop)
    {
        while (watched.SentOf(runId) is { } sent)
        {
            var batch = await points.ReadAsync(runId, new() { After = sent, Limit = BatchSize }, stop);
            if (batch is null || batch.Seq <= sent) return;
            foreach (var connection in watched.WatchersOf(runId)) outbox.Send(connection, "points", batch);
            watched.Advance(runId, batch.Seq);
            if (!batch.More) return;
        }
    }

    public override void Dispose()
    {
        changed.Dispose();
        base.Dispose();
    }
}
