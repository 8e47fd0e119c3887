using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Runs;
using Npgsql;

namespace ConvexWeb.Server.Live;

/// <summary>
/// From the database to the browsers of this node. Notifications only say which runs to look at; what is sent is read from the tables, from
/// where the last batch ended. So a notification that is lost, doubled or late costs nothing but time, and many of them make one batch.
/// </summary>
public sealed class LiveFeed(
    NpgsqlDataSource database, PointReader points, WatchList watched, Outbox outbox, Listener listener, ServiceLoop loop, TimeProvider time)
    : BackgroundService
{
    /// <summary>The first change after a pause is sent at once; the next ones wait this long for company.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private const int BatchSize = 20_000;

    private readonly Lock gate = new();
    private readonly SemaphoreSlim signal = new(0);
    private HashSet<long> changedPoints = [];
    private HashSet<long> changedRows = [];

    public void PointsChanged(IEnumerable<long> runIds) => Mark(() => changedPoints.UnionWith(runIds));
    public void RowsChanged(IEnumerable<long> runIds) => Mark(() => changedRows.UnionWith(runIds));

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        listener.ListenAsync("Listening for changes of runs", [RunChanges.Points, RunChanges.Rows], BeginAsync, TakeAsync, stoppingToken),
        loop.RunAsync("Sending changes of runs", SendAsync, stoppingToken));

    // Whatever happened while nobody listened.
    private async Task BeginAsync(NpgsqlConnection connection, CancellationToken stop)
    {
        PointsChanged(watched.All());
        RowsChanged(await RecentAsync(connection, stop));
    }

    private Task TakeAsync(Notice notice, CancellationToken stop)
    {
        if (!long.TryParse(notice.Payload, out var id)) return Task.CompletedTask;
        if (notice.Channel == RunChanges.Points) PointsChanged([id]);
        else RowsChanged([id]);
        return Task.CompletedTask;
    }

    private async Task SendAsync(CancellationToken stop)
    {
        while (true)
        {
            await signal.WaitAsync(stop);
            var (somePoints, someRows) = TakeChanged();
            try
            {
                await SendRowsAsync(someRows, stop);
                foreach (var id in somePoints) await SendPointsAsync(id, stop);
            }
            catch (Exception problem) when (Outage.Is(problem))
            {
                // They are sent when the database is back.
                PointsChanged(somePoints);
                RowsChanged(someRows);
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

    private async Task SendRowsAsync(IReadOnlyCollection<long> runIds, CancellationToken stop)
    {
        var wanted = watched.AnyTable ? [.. runIds] : runIds.Where(watched.IsWatched).ToArray();
        if (wanted.Length == 0) return;
        await using var command = database.CreateCommand($"{RunRows.Select} where r.id = any($1)");
        command.Parameters.Add(new() { Value = wanted });
        foreach (var row in await RunRows.ReadAllAsync(command, stop))
        {
            foreach (var connection in watched.ReadersOf(row.Id)) outbox.Send(connection, "run", row);
        }
    }

    private void Mark(Action mark)
    {
        lock (gate)
        {
            mark();
            if (signal.CurrentCount == 0) signal.Release();
        }
    }

    private (HashSet<long> Points, HashSet<long> Rows) TakeChanged()
    {
        lock (gate)
        {
            var taken = (changedPoints, changedRows);
            (changedPoints, changedRows) = ([], []);
            return taken;
        }
    }

    private static async Task<List<long>> RecentAsync(NpgsqlConnection connection, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(
            """
            select id from runs
            where state in ('Queued', 'Running') or finished_at > now() - interval '15 minutes' order by id desc limit 2000
            """, connection);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var ids = new List<long>();
        while (await reader.ReadAsync(stop)) ids.Add(reader.GetInt64(0));
        return ids;
    }

    public override void Dispose()
    {
        signal.Dispose();
        base.Dispose();
    }
}
