using System.Transactions;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Dapper;
using Hangfire;
using Hangfire.Common;
using Hangfire.PostgreSql;
using Hangfire.States;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Makes tickets: as many as there are items that wait, but not more than there are slots. A ticket has no name: the slot that gets one
/// takes the item that is next (<see cref="ClaimOrder"/>), and one for which nothing is left ends. So a ticket that is lost or delivered
/// twice costs nothing, and a study of 500 runs is not 500 jobs.
/// </summary>
internal sealed class TicketOffice(
    NpgsqlDataSource database, PostgreSqlStorage storage, TimeProvider time, ILogger<TicketOffice> log) : IWorkQueue
{
    /// <summary>There is a ticket, or an item that waits. Payload: nothing.</summary>
    public const string Wake = "convex_queue";

    // Also where no worker is heard of: one that starts finds something to do at once.
    private const int Fewest = 4;

    private readonly BackgroundJobClient client = new(storage);

    public async Task AnnounceAsync(CancellationToken cancel = default)
    {
        try
        {
            await PassAsync(cancel);
        }
        catch (Exception problem) when (Outage.Is(problem) || problem is OperationCanceledException or TransactionException
            or BackgroundJobClientException)
        {
            log.LogDebug("Tickets follow with the next pass: {Problem}", problem.Message);
        }
    }

    /// <summary>Under the queue's lock, so that of many nodes that look at once one makes what is missing. All of it or nothing.</summary>
    public async Task PassAsync(CancellationToken cancel)
    {
        var begun = time.GetTimestamp();
        using var scope = new TransactionScope(
            TransactionScopeOption.RequiresNew, new TransactionOptions { IsolationLevel = IsolationLevel.ReadCommitted },
            TransactionScopeAsyncFlowOption.Enabled);
        var missing = await MissingAsync(cancel);
        if (missing.Count > 0)
        {
            // No connection of ours is open here: two at once would make it a two-phase transaction.
            foreach (var (queue, count) in missing)
            {
                for (var i = 0; i < count; i++)
                    client.Create(Job.FromExpression<WorkTicket>(ticket => ticket.UseAsync(null!)), new EnqueuedState(queue));
            }
            await using var connection = await database.OpenConnectionAsync(cancel);
            await using var notify = new NpgsqlCommand($"select pg_notify('{Wake}', '')", connection);
            await notify.ExecuteNonQueryAsync(cancel);
        }
        scope.Complete();
        log.LogDebug("{Count} tickets in {Time} ms", missing.Sum(queue => queue.Tickets), time.GetElapsedTime(begun).TotalMilliseconds);
    }

    private sealed record Missing(string Queue, int Tickets);

    private async Task<IReadOnlyList<Missing>> MissingAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var answers = await connection.QueryMultipleAsync(new(
            $"""
            {ClaimOrder.Lock};
            with {ClaimOrder.Shares("true")},
            waiting as (
                select q.queue, count(*) as items from work_items q join waiting_users u on u.created_by = q.created_by
                where {ClaimOrder.MayGo} and (u.most is null or u.running < u.most) group by 1),
            slots as (
                select g.name, sum(w.slots) as slots
                from workers w cross join lateral unnest(string_to_array(w.queues, ', ')) as g(name)
                where w.last_seen > now() - interval '{WorkerHeartbeat.Silence.TotalSeconds} seconds' group by 1),
            tickets as (
                select queue, count(*) as tickets from {Migrator.TicketSchema}.jobqueue where fetchedat is null group by 1)
            select w.queue, (least(w.items, greatest(coalesce(s.slots, 0), {Fewest})) - coalesce(t.tickets, 0))::int as tickets
            from waiting w left join slots s on s.name = w.queue left join tickets t on t.queue = w.queue
            """, cancellationToken: cancel));
        await answers.ReadAsync();
        return [.. (await answers.ReadAsync<Missing>()).Where(queue => queue.Tickets > 0)];
    }
}
