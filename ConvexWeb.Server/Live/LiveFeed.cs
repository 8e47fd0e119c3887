using ConvexWeb.Server.Runs;
using Microsoft.AspNetCore.SignalR;
using Npgsql;

namespace ConvexWeb.Server.Live;

/// <summary>
/// From the database to the browsers of this node. Notifications only say which runs to look at; what is sent is read from the tables, from
/// where the last batch ended. So a notification that is lost, doubled or late costs nothing but time, and many of them make one batch.
/// </summary>
public sealed class LiveFeed(
    NpgsqlDataSource database, PointReader points, WatchList watched, IHubContext<LiveHub> hub, TimeProvider time, ILogger<LiveFeed> log) : BackgroundService
{
    /// <summary>The first change after a pause is sent at once; the next ones wait this long for company.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private const int BatchSize = 20_000;

    private readonly Lock gate = new();
    private readonly SemaphoreSlim signal = new(0);
    private HashSet<long> changedPoints = [];
    private HashSet<long> changedRows = [];

    public void PointsChanged(IEnumerable<long> runIds) => Mark(() => changedPoints.UnionWith(runIds));
    public void RowsChanged(IEnumerable<long> runIds) => Mark(() => changedRows.UnionWith(runIds));

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(ListenAsync(stoppingToken), SendAsync(stoppingToken));

    private async Task ListenAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(stop);
                connection.Notification += (_, notice) => Take(notice.Channel, notice.Payload);
                await ExecuteAsync(connection, $"listen {RunChanges.Points}; listen {RunChanges.Rows}", stop);

                // Whatever happened while nobody listened.
                PointsChanged(watched.All());
                RowsChanged(await RecentAsync(connection, stop));
                log.LogInformation("Listening for changes of runs");
                while (true)
                {
                    // A connection that died without a word is found out by asking.
                    if (!await connection.WaitAsync(Silence, stop)) await ExecuteAsync(connection, "select 1", stop);
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception problem) when (problem is NpgsqlException or IOException or TimeoutException or InvalidOperationException)
            {
                log.LogWarning("Listening was interrupted: {Problem}", problem.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task SendAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await signal.WaitAsync(stop);
                var (somePoints, someRows) = TakeChanged();
                try
                {
                    await SendRowsAsync(someRows, stop);
                    foreach (var id in somePoints) await SendPointsAsync(id, stop);
                }
                catch (NpgsqlException problem)
                {
                    // The database is away; they are sent when it is back.
                    log.LogWarning("Changes could not be read: {Problem}", problem.Message);
                    PointsChanged(somePoints);
                    RowsChanged(someRows);
                    await Task.Delay(TimeSpan.FromSeconds(1), time, stop);
                }
                await Task.Delay(Pause, time, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task SendPointsAsync(long runId, CancellationToken stop)
    {
        while (watched.SentOf(runId) is { } sent)
        {
            if (await points.ReadAsync(runId, new() { After = sent, Limit = BatchSize }, stop) is not { } batch || batch.Seq <= sent) return;
            await SendAsync(hub.Clients.Group(LiveHub.GroupOf(runId)), "points", batch, stop);
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
            await SendAsync(hub.Clients.Group(LiveHub.GroupOf(row.Id)), "run", row, stop);
            await SendAsync(hub.Clients.Group(LiveHub.Table), "run", row, stop);
        }
    }

    // A browser that does not read must not hold up the others; what it is sent waits in its own connection.
    private async Task SendAsync(IClientProxy to, string method, object message, CancellationToken stop)
    {
        try
        {
            await to.SendAsync(method, message, stop).WaitAsync(Patience, time, stop);
        }
        catch (TimeoutException)
        {
            log.LogWarning("A browser is slow to take '{Method}'", method);
        }
    }

    private void Take(string channel, string payload)
    {
        if (!long.TryParse(payload, out var id)) return;
        if (channel == RunChanges.Points) PointsChanged([id]);
        else RowsChanged([id]);
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
            "select id from runs where state in ('Queued', 'Running') or finished_at > now() - interval '15 minutes' order by id desc limit 2000", connection);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var ids = new List<long>();
        while (await reader.ReadAsync(stop)) ids.Add(reader.GetInt64(0));
        return ids;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(stop);
    }

    public override void Dispose()
    {
        signal.Dispose();
        base.Dispose();
    }
}
