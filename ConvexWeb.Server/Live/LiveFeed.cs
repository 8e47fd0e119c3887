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
    /// <summary>A run that was just sent rests so long, and what comes meanwhile is one batch. It holds up no other run.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(70);

    /// <summary>Between two looks at what has changed.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(15);
    private const int BatchSize = 20_000;

    // Connections to the database that it may take at once.
    private const int Readers = 4;

    private readonly ChangedRuns changed = new();
    private readonly Dictionary<long, long> resting = []; // run → since when

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
            var due = DueOf(await changed.NextAsync(stop));
            try
            {
                var limit = new ParallelOptions { MaxDegreeOfParallelism = Readers, CancellationToken = stop };
                await Parallel.ForEachAsync(due, limit, async (id, token) => await SendPointsAsync(id, token));
            }
            catch (Exception problem) when (Outage.Is(problem))
            {
                changed.Add(due); // they are sent when the database is back
                throw;
            }
            await Task.Delay(Glance, time, stop);
        }
    }

    // Those that rest are looked at again with the next glance.
    private List<long> DueOf(IReadOnlyCollection<long> ids)
    {
        foreach (var (id, _) in resting.Where(run => time.GetElapsedTime(run.Value) >= Rest).ToList()) resting.Remove(id);
        changed.Add(ids.Where(resting.ContainsKey));
        var due = ids.Where(id => !resting.ContainsKey(id)).ToList();
        foreach (var id in due) resting[id] = time.GetTimestamp();
        return due;
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
