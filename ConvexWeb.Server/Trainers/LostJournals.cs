using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Trainers;

/// <summary>
/// Stores what is left in the journals of runs that have ended while their worker was lost or had to stop: of a run that waits again the
/// next attempt does it, but none follows one that was cancelled or has failed. Any worker with the data folder does it, also two at
/// once, since each line is stored once.
/// </summary>
public sealed class LostJournals(
    NpgsqlDataSource database, PointWriter writer, RunFolders folders, WorkerSettings settings, ServiceLoop loop, TimeProvider time,
    ILogger<LostJournals> log)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>After which a journal without an end gets none any more.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(10);

    /// <summary>A trainer without its worker writes its last checkpoint and ends: until then there may be more.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(15);

    /// <summary>A folder that is not seen until then belongs to another place.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    // A call to a drive that does not answer; while there is one, no other is made.
    private Task open = Task.CompletedTask;

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

    private sealed record Left(Guid Database, long ItemId, long RunId, int Last, int Attempt, long Line);

    /// <param name="rest">For how long a run is left alone after its end.</param>
    internal async Task PassAsync(TimeSpan rest, CancellationToken cancel)
    {
        if (!open.IsCompleted) return;
        foreach (var item in await LeftAsync(rest, cancel))
        {
            try
            {
                await AdoptAsync(item, cancel);
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or PostgresException)
            {
                // The others are not kept waiting by one that cannot be read.
                log.LogDebug("Run {Run}, attempt {Attempt} is read later: {Problem}", item.RunId, item.Attempt, problem.Message);
            }
            catch (TimeoutException)
            {
                return;
            }
        }
    }

    private async Task<T> AskAsync<T>(Func<T> call, CancellationToken cancel)
    {
        var asked = Task.Run(call, CancellationToken.None);
        open = asked;
        return await asked.WaitAsync(settings.HangLimit, time, cancel);
    }

    private async Task<IReadOnlyList<Left>> LeftAsync(TimeSpan rest, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return (await connection.QueryAsync<Left>(new(
            """
            select d.id as database, i.id as item_id, i.run_id, i.attempt as last, a.number as attempt,
                coalesce(j.stored_line, 0) as line
            from attempts a join work_items i on i.id = a.item_id
            left join journals j on j.run_id = i.run_id and j.attempt = a.number cross join this_database d
            where not a.journal_stored and a.number <= i.attempt and i.kind = 'run' and i.state in ('Cancelled', 'Failed')
              and i.finished_at > clock_timestamp() - make_interval(secs => @longest)
              and i.finished_at <= clock_timestamp() - make_interval(secs => @rest)
            order by i.id, a.number
            """, new { longest = Longest.TotalSeconds, rest = rest.TotalSeconds }, cancellationToken: cancel))).AsList();
    }

    private async Task AdoptAsync(Left item, CancellationToken cancel)
    {
        var last = new Assignment(item.Database, item.ItemId, WorkKind.Run, item.RunId, item.Last);
        var journal = new Journal(AttemptFolder.JournalOf(folders, last, item.Attempt));
        // One that waits again meanwhile is its next attempt's.
        var (owned, end) = await JournalRest.StoreAsync(
            item.Line, () => AskAsync(journal.Read, cancel), rest => writer.WriteEndedAsync(last, item.Attempt, rest, cancel));

        // Without an end its trainer may live; one that is not seen may be on a drive that is away.
        if (!owned || !journal.IsFound || end is null && time.GetUtcNow() - journal.WrittenAt < Silence) return;
        await writer.MarkEndedStoredAsync(last, item.Attempt, cancel);
        log.LogInformation("Run {Run}, attempt {Attempt}: what its trainer wrote last is stored", item.RunId, item.Attempt);
    }
}
