using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Runs;
using Npgsql;

namespace ConvexWeb.Server.Live;

/// <summary>
/// Rows of runs, from the database to the pages of this node: each changed row is read once, however many pages show it. As with points,
/// notifications only say which runs to look at.
/// </summary>
internal sealed class RowFeed(NpgsqlDataSource database, RowSubscribers subscribers, Listener listener, ServiceLoop loop, TimeProvider time)
    : BackgroundService
{
    /// <summary>The first change after a pause is read at once; the next ones wait this long for company.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private readonly ChangedRuns changed = new();

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        listener.ListenAsync("Listening for rows of runs", [RunChanges.Rows], BeginAsync, changed.TakeAsync, stoppingToken),
        loop.RunAsync("Reading rows of runs", ReadAsync, stoppingToken));

    // What changed while nobody listened is not known.
    private Task BeginAsync(NpgsqlConnection connection, CancellationToken stop)
    {
        subscribers.Miss();
        return Task.CompletedTask;
    }

    private async Task ReadAsync(CancellationToken stop)
    {
        while (true)
        {
            var ids = await changed.NextAsync(stop);
            try
            {
                await ReadAsync(ids, stop);
            }
            catch (Exception problem) when (Outage.Is(problem))
            {
                changed.Add(ids); // they are read when the database is back
                throw;
            }
            await Task.Delay(Pause, time, stop);
        }
    }

    private async Task ReadAsync(IEnumerable<long> ids, CancellationToken stop)
    {
        var wanted = subscribers.Wanted(ids);
        if (wanted.Length == 0) return;
        await using var command = database.CreateCommand($"{RunRows.Select} where r.id = any($1)");
        command.Parameters.Add(new() { Value = wanted });
        subscribers.Send(await RunRows.ReadAllAsync(command, stop));
    }

    public override void Dispose()
    {
        changed.Dispose();
        base.Dispose();
    }
}
