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
/// Makes tickets: for free slots as many as there are items that fit there, on the same device (<see cref="DeviceRooms"/>), and when no
/// slot is free as many as there are items and slots, so that the next free slot need not wait for one. A ticket has no name: the slot
/// that gets one takes the item that is next (<see cref="ClaimOrder"/>), and one for which nothing is left ends. So a ticket that is lost
/// or delivered twice costs nothing, and a study of 500 runs is not 500 jobs.
/// </summary>
internal sealed class TicketOffice(
    NpgsqlDataSource database, PostgreSqlStorage storage, TimeProvider time, ILogger<TicketOffice> log) : IWorkQueue
{
    /// <summary>There is a ticket, or an item that waits. Payload: nothing.</summary>
    public const string Wake = "convex_queue";

    // Also where no worker is heard of: one that starts finds something to do at once.
    private const int Fewest = 4;

    private readonly BackgroundJobClient client = new(storage);

    public Task AnnounceAsync(CancellationToken cancel = default) => TryPassAsync(cancel);

    /// <summary>As <see cref="AnnounceAsync"/>.</summary>
    /// <returns>How many tickets were made for each queue; none where the database could not be asked.</returns>
    public async Task<IReadOnlyDictionary<string, int>> TryPassAsync(CancellationToken cancel)
    {
        try
        {
            return await PassAsync(cancel);
        }
        catch (Exception problem) when (Outage.Is(problem) || problem is OperationCanceledException or TransactionException
            or BackgroundJobClientException)
        {
            log.LogDebug("Tickets follow with the next pass: {Problem}", problem.Message);
            return new Dictionary<string, int>();
        }
    }

    /// <summary>Under the queue's lock, so that of many nodes that look at once one makes what is missing. All of it or nothing.</summary>
    public async Task<IReadOnlyDictionary<string, int>> PassAsync(CancellationToken cancel)
    {
        var begun = time.GetTimestamp();
        using var scope = new TransactionScope(
            TransactionScopeOption.RequiresNew,
            // The scope's own limit is met on a timer's thread, where an exception ends the process; the database's comes long before.
            new TransactionOptions { IsolationLevel = IsolationLevel.ReadCommitted, Timeout = TransactionManager.MaximumTimeout },
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
        return missing.ToDictionary(queue => queue.Queue, queue => queue.Tickets);
    }

    private sealed record Missing(string Queue, int Tickets);

    private async Task<IReadOnlyList<Missing>> MissingAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var answers = await connection.QueryMultipleAsync(new(
            $"""
            {ClaimOrder.LockForSeveral};
            with {ClaimOrder.Shares("true")},
            {DeviceRooms.Open},
            room as (
                select g.queue, sum(d.slots) as slots, sum(d.free_slots) as free,
                    max({DeviceRooms.Fits}) filter (where d.free_slots > 0) as fits
                from open_rooms d cross join lateral unnest(d.queues) as g(queue) group by 1),
            waiting as (
                select q.queue, count(*) as items, count(*) filter (where q.memory_mb <= r.fits) as fitting, min(q.memory_mb) as smallest
                from work_items q join waiting_users u on u.created_by = q.created_by left join room r on r.queue = q.queue
                where {ClaimOrder.MayGo} and (u.most is null or u.running < u.most) group by 1),
            tickets as (
                select queue, count(*) as tickets from {Migrator.TicketSchema}.jobqueue where fetchedat is null group by 1)
            select w.queue, (case
                    when r.queue is null then least(w.items, {Fewest})
                    when r.free > 0 then least(w.fitting, (
                        select sum(d.free_slots) from open_rooms d where w.queue = any(d.queues) and {DeviceRooms.Fits} >= w.smallest))
                    else least(w.items, r.slots) end - coalesce(t.tickets, 0))::int as tickets
            from waiting w left join room r on r.queue = w.queue left join tickets t on t.queue = w.queue
            where w.queue <> '{WorkerSettings.MaintenanceQueue}'
            """, cancellationToken: cancel));
        await answers.ReadAsync();
        return [.. (await answers.ReadAsync<Missing>()).Where(queue => queue.Tickets > 0)];
    }
}
