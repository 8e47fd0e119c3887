using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Trainers;

/// <summary>
/// Stores what is left in the journals of runs that have ended while their worker was lost or had to stop: of a run that waits again the
/// next attempt does it, but nobody goes on with one that was cancelled or has failed. Any worker with the data folder does it, also two at
/// once, since each line is stored once.
/// </summary>
public sealed class LostJournals(
    NpgsqlDataSource database, PointWriter writer, RunFolders folders, ServiceLoop loop, TimeProvider time, ILogger<LostJournals> log)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>A trainer without its worker writes its last checkpoint and ends: until then there may be more.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(15);

    /// <summary>A folder that is not seen until then belongs to another place.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => loop.RunAsync("Reading what lost workers left of runs that have ended", RepeatAsync, stoppingToken);

    private async Task RepeatAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            await PassAsync(Rest, stop);
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    private sealed record Left(Guid Database, long ItemId, long RunId, int Attempt);

    /// <param name="rest">For how long an attempt is left alone after its end.</param>
    internal async Task PassAsync(TimeSpan rest, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var left = (await connection.QueryAsync<Left>(new(
            """
            select d.id as database, i.id as item_id, i.run_id, a.number as attempt
            from attempts a join work_items i on i.id = a.item_id and i.attempt = a.number cross join this_database d
            where not a.journal_stored and i.kind = 'run' and i.state in ('Cancelled', 'Failed')
              and a.ended_at > clock_timestamp() - make_interval(secs => @longest)
              and a.ended_at <= clock_timestamp() - make_interval(secs => @rest)
            order by a.ended_at limit 20
            """, new { longest = Longest.TotalSeconds, rest = rest.TotalSeconds }, cancellationToken: cancel))).AsList();
        foreach (var item in left) await AdoptAsync(item, cancel);
    }

    private async Task AdoptAsync(Left item, CancellationToken cancel)
    {
        if (!Directory.Exists(folders.Attempt(item.Database, item.RunId, item.Attempt))) return;
        var assignment = new Assignment(item.Database, item.ItemId, WorkKind.Run, item.RunId, item.Attempt);
        var journal = new Journal(AttemptFolder.JournalOf(folders, assignment, item.Attempt));
        JournalBatch batch;
        do
        {
            batch = journal.Read();
            // One that waits again meanwhile is its next attempt's.
            if (batch.Events.Count > 0 && !await writer.WriteEndedAsync(assignment, batch, cancel)) return;
        }
        while (batch.More);
        await writer.MarkStoredAsync(assignment, item.Attempt, cancel);
        log.LogInformation("{Item}: what its trainer wrote last is stored", assignment.Name);
    }
}
