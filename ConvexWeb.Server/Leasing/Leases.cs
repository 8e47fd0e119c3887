using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Hosts;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>What the owner of a running item is asked for.</summary>
public enum Wish
{
    Cancel,
    Pause,

    /// <summary>To make room for a more urgent item: it waits again, and goes on from its checkpoint.</summary>
    Yield,
}

/// <summary>What became of an item when its attempt ended.</summary>
/// <param name="NotBefore">When it is tried again, of one that waits until then.</param>
public sealed record ItemEnd(RunState State, DateTimeOffset? NotBefore);

/// <summary>
/// Who owns a work item. <c>work_items.attempt</c> names the only attempt whose writes are taken; it changes here and nowhere else, under a
/// lock on the item's row. A lease that ran out only allows others to take the item; until one does, its owner may come back and go on.
/// </summary>
public sealed class Leases(NpgsqlDataSource database, WorkerSettings settings)
{
    /// <summary>
    /// An item fails whose attempts die or are lost this often in a row without a new checkpoint in between: it may be what kills them.
    /// </summary>
    public const int MostDeaths = 5;

    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);

    /// <summary>Whether the lease on running item <c>i</c> is over.</summary>
    public const string IsOver = "i.state = 'Running' and (i.lease_until is null or i.lease_until <= clock_timestamp())";

    private static readonly string LostForGood = $"{MostDeaths} workers in a row were lost while they had it, without a new checkpoint.";

    /// <summary>
    /// Ends the attempts of running items that are not owned by a living worker: they wait again, end if that was wished, or fail if it
    /// was the last of too many. An item that is claimed or renewed in this moment does not fit the condition any more; one whose row is
    /// locked, by a batch of its points or by what somebody asks of it, is looked at again in the next pass.
    /// </summary>
    /// <param name="condition">Which of them, in SQL over items <c>i</c>.</param>
    /// <param name="deaths">How much it counts against an item: nothing where it cannot be the item's fault.</param>
    public static string Release(string condition, int deaths = 1) =>
        $"""
        with over as (select i.id from work_items i where {condition} and {IsOver} order by i.id for update skip locked),
        released as (
            update work_items i set
                state = case when i.wish = 'cancel' then 'Cancelled' when i.wish = 'pause' then 'Paused'
                    when i.deaths + {deaths} >= {MostDeaths} then 'Failed' else 'Queued' end,
                deaths = i.deaths + {deaths}, wish = null, lease_until = null, recovered = true, queued_at = clock_timestamp(),
                finished_at = case when i.wish = 'cancel' or i.wish is distinct from 'pause' and i.deaths + {deaths} >= {MostDeaths}
                    then clock_timestamp() end,
                reason_code = case when i.wish in ('cancel', 'pause') then null when i.deaths + {deaths} >= {MostDeaths} then 'lost' end,
                reason = case when i.wish in ('cancel', 'pause') then i.reason
                    when i.deaths + {deaths} >= {MostDeaths} then '{LostForGood}' end
            from over where i.id = over.id returning i.id, i.run_id, i.attempt),
        closed as (
            update attempts a set ended_at = clock_timestamp(), outcome = 'lost' from released r
            where a.item_id = r.id and a.number = r.attempt and a.ended_at is null)
        select pg_notify('{RunChanges.Rows}', run_id::text)::text from released
        """;

    private const string ThisDevice =
        "select @worker::text as worker, @host::text as host, @device::text as device, @memory::bigint as mb, @own::boolean as own";

    private sealed record Claimed(Guid Database, long ItemId, string Kind, long RunId, int Attempt, string? Notified);

    /// <summary>
    /// Takes the item that is next (<see cref="ClaimOrder"/>) of these queues and fits on the device; null when there is none.
    /// </summary>
    /// <param name="memoryMb">What items may have on the device together; null when it is not known, and then everything fits.</param>
    public async Task<Assignment?> ClaimAsync(
        IReadOnlyList<string> queues, string device = "cpu", int? memoryMb = null, CancellationToken cancel = default)
    {
        // One round trip, so that a node that freezes cannot hold the queue's lock. Dying before the commit changes nothing; dying after
        // it leaves a running item with a lease that is not renewed.
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var answers = await connection.QueryMultipleAsync(new(
            $"""
            {ClaimOrder.Lock};
            with {DeviceRooms.Of(ThisDevice)},
            {ClaimOrder.Shares()},
            next as ({ClaimOrder.Next($"(select {DeviceRooms.Fits} from device_rooms d)")}),
            item as (
                update work_items q set state = 'Running', attempt = attempt + 1, worker = @worker, device = @device,
                    lease_until = clock_timestamp() + make_interval(secs => @lease), wish = null, not_before = null, recovered = false,
                    started_at = coalesce(started_at, clock_timestamp()), finished_at = null, reason = null, reason_code = null
                from next where q.id = next.id and {ClaimOrder.IsWaiting} and not exists (
                    select from workers w where w.name = @worker and (w.draining or w.refused is not null))
                returning q.id, q.kind, q.run_id, q.attempt),
            attempt as (
                insert into attempts (item_id, number, worker, device, started_at)
                select id, attempt, @worker, @device, clock_timestamp() from item)
            select d.id as database, item.id as item_id, item.kind, item.run_id, item.attempt,
                pg_notify('{RunChanges.Rows}', item.run_id::text)::text as notified
            from item cross join this_database d
            """,
            new
            {
                queues = queues.ToArray(),
                worker = settings.Name,
                device,
                memory = memoryMb,
                own = settings.DeviceMemoryMb.ContainsKey(device),
                lease = settings.Lease.TotalSeconds,
                host = Machine.Id,
            },
            cancellationToken: cancel));
        await answers.ReadAsync();
        return (await answers.ReadAsync<Claimed>()).SingleOrDefault() is { } claimed
            ? new(claimed.Database, claimed.ItemId, Enum.Parse<WorkKind>(claimed.Kind, ignoreCase: true), claimed.RunId, claimed.Attempt)
            : null;
    }

    /// <summary>How many items a worker of this name, of an earlier life perhaps, still has a lease on.</summary>
    public async Task<long> LeftBehindAsync(CancellationToken cancel = default)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.ExecuteScalarAsync<long>(new(
            "select count(*) from work_items where state = 'Running' and worker = @Name and lease_until > clock_timestamp()",
            new { settings.Name }, cancellationToken: cancel));
    }

    /// <summary>Queues again what a worker of this name left and whose lease is over.</summary>
    /// <returns>How many they are.</returns>
    public async Task<int> TakeBackAsync(CancellationToken cancel = default)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return (await connection.QueryAsync<string>(
            new(Release("i.worker = @Name"), new { settings.Name }, cancellationToken: cancel))).Count();
    }

    private sealed record Renewed(long Id, int Attempt, bool Mine, string? Wish);

    /// <summary>
    /// Holds items for another while. One whose row is locked in this moment is renewed by the batch of points that has it, or else the
    /// next time, which is long before its lease is over.
    /// </summary>
    /// <returns>The items that are another's now, and what is wished of the others.</returns>
    public async Task<(IReadOnlyList<Assignment> Lost, IReadOnlyList<Assignment> Wished)> RenewAsync(
        IReadOnlyList<Assignment> held, CancellationToken cancel = default)
    {
        if (held.Count == 0) return ([], []);
        await using var connection = await database.OpenConnectionAsync(cancel);
        var rows = (await connection.QueryAsync<Renewed>(new(
            """
            with held as (select * from unnest(@items, @attempts) as h (id, attempt)),
            free as (
                select i.id from work_items i join held h on h.id = i.id and h.attempt = i.attempt
                where i.state = 'Running' order by i.id for update of i skip locked),
            renewed as (
                update work_items i set lease_until = clock_timestamp() + make_interval(secs => @lease) from free where i.id = free.id)
            select h.id, h.attempt, i.id is not null as mine, i.wish
            from held h left join work_items i on i.id = h.id and i.attempt = h.attempt and i.state = 'Running'
            """,
            new
            {
                items = held.Select(item => item.ItemId).ToArray(),
                attempts = held.Select(item => item.Attempt).ToArray(),
                lease = settings.Lease.TotalSeconds,
            },
            commandTimeout: Math.Max(2, (int)settings.Lease.TotalSeconds / 2), cancellationToken: cancel)))
            .ToDictionary(row => (row.Id, row.Attempt));
        return (
            [.. held.Where(item => !rows[(item.ItemId, item.Attempt)].Mine)],
            [.. held.Where(item => rows[(item.ItemId, item.Attempt)] is { Mine: true, Wish: not null })]);
    }

    private sealed record Ended(string State, DateTimeOffset? NotBefore, string? Notified);

    /// <summary>Outcomes after which an item may be tried again, as SQL.</summary>
    private const string Retried = "('died', 'hung', 'out_of_memory', 'unreachable')";

    /// <summary>
    /// After the end of an item that succeeded: those of its spec and queue, itself too, that do not run and for which another amount of
    /// memory is kept than was measured. One that ran out of memory keeps what is kept for it.
    /// </summary>
    private static readonly string Corrected =
        $"""
        from (
            select r.group_key, e.queue, least({MeasuredMemory.Peak("r.group_key", "e.queue")}, {MeasuredMemory.Lent("e.queue")}) as mb
            from work_items e join runs r on r.id = e.run_id
            where e.id = @ItemId and e.attempt = @Attempt and e.state = 'Succeeded' and e.kind = 'run' and @PeakMemoryMb::int is not null
        ) m join runs t on t.group_key = m.group_key
        join work_items i on i.run_id = t.id and i.kind = 'run' and i.queue = m.queue
        where i.state <> 'Running' and i.memory_mb <> m.mb and not exists (
            select from attempts a where a.item_id = i.id and a.outcome = 'out_of_memory')
        """;

    /// <summary>
    /// No claim comes between: it would skip the rows that are corrected, and take what is next after them. Nor another end: what it
    /// measured is seen by the next statement.
    /// </summary>
    private const string CorrectionsLock =
        $"""
        select {ClaimOrder.TakeLock} where @PeakMemoryMb::int is not null and exists (
            select from work_items e where e.id = @ItemId and e.attempt = @Attempt and e.state = 'Succeeded' and e.kind = 'run')
        """;

    // A row that is locked is skipped: this is not worth a wait.
    private static readonly string Corrections =
        $"""
        update work_items i set memory_mb = o.mb
        from (select i.id, m.mb {Corrected} for update of i skip locked) o where i.id = o.id
        """;

    /// <summary>
    /// Ends the attempt, and decides what becomes of its item: one that succeeded or failed has ended; one that was stopped is cancelled
    /// or paused where that was wished, and else waits again; one whose trainer died or hung, or whose files could not be reached, is tried
    /// again, later each time, for as long as that may help: five deaths in a row without a new checkpoint, or hanging twice, are too many.
    /// One that ran out of memory is tried once more with twice the memory kept for it, unless it had all that its device has. What one
    /// that succeeded was seen to need counts from now on for all of its spec and queue that do not run.
    /// </summary>
    /// <returns>Null when the item was not the caller's to end.</returns>
    public async Task<ItemEnd?> EndAsync(Assignment owner, AttemptEnd end, CancellationToken cancel = default)
    {
        // One transaction: item and attempt end together or not at all. If we die before it, the lease runs out, and the next attempt
        // finds in the journal what this one had reached. And one round trip, so that a node that freezes cannot hold the queue's lock.
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var answers = await connection.QueryMultipleAsync(new(
            $"""
            with mine as (
                select i.id, i.memory_mb, i.deaths + 1 as deaths,
                    case
                        when @outcome in ('succeeded', 'failed') then @outcome
                        when i.wish = 'cancel' then 'cancelled'
                        when i.wish = 'pause' then 'paused'
                        when @outcome = 'stopped' and i.wish = 'yield' then 'yielded'
                        else @outcome end as outcome,
                    exists (
                        select from attempts a
                        where a.item_id = i.id and a.number between i.tries_from and i.attempt - 1 and a.outcome = @outcome) as again,
                    (
                        select (d->>'mb')::int from workers w cross join lateral jsonb_array_elements(w.lends) d
                        where w.name = i.worker and d->>'name' = i.device) as lent
                from work_items i where i.id = @ItemId and i.attempt = @Attempt and i.state = 'Running' for update),
            judged as (
                select m.*,
                    m.outcome in ('died', 'unreachable') and m.deaths >= {MostDeaths} or m.outcome in ('hung', 'out_of_memory') and m.again
                    or coalesce(m.outcome = 'out_of_memory' and m.memory_mb >= m.lent, false) as gives_up
                from mine m),
            ended as (
                update work_items i set
                    state = case
                        when j.outcome = 'succeeded' then 'Succeeded'
                        when j.outcome = 'failed' or j.gives_up then 'Failed'
                        when j.outcome = 'cancelled' then 'Cancelled'
                        when j.outcome = 'paused' then 'Paused'
                        else 'Queued' end,
                    deaths = case when j.outcome in {Retried} then j.deaths else i.deaths end,
                    memory_mb = case when j.outcome = 'out_of_memory' and not j.gives_up
                        then least(greatest(2 * i.memory_mb, 1024), j.lent) else i.memory_mb end,
                    recovered = (j.outcome in ('stopped', 'yielded') or j.outcome in {Retried}) and not j.gives_up,
                    peak_memory_mb = greatest(i.peak_memory_mb, @PeakMemoryMb::int),
                    wish = null, lease_until = null, queued_at = clock_timestamp(),
                    finished_at = case
                        when j.outcome in ('succeeded', 'failed', 'cancelled') or j.gives_up then clock_timestamp() end,
                    not_before = case when j.outcome in {Retried} and not j.gives_up
                        then clock_timestamp() + make_interval(secs => least(@delay * power(2, j.deaths - 1), @longest)) end,
                    reason_code = case
                        when j.outcome = 'failed' or j.gives_up then @Code
                        when j.outcome in {Retried} then 'retry' end,
                    reason = case
                        when j.outcome in ('cancelled', 'paused') then i.reason
                        when j.outcome = 'failed' then @Reason
                        when j.gives_up and j.outcome = 'died'
                            then format('The trainer died %s times without a new checkpoint. %s', j.deaths, @Reason)
                        when j.gives_up and j.outcome = 'unreachable'
                            then format('It was tried %s times without a new checkpoint. %s', j.deaths, @Reason)
                        when j.gives_up and j.outcome = 'hung' then format('It hung twice. %s', @Reason)
                        when j.gives_up then format('It ran out of memory with %s MB kept for it. %s', j.memory_mb, @Reason)
                        when j.outcome = 'out_of_memory' then format('It is tried again with more memory kept for it. %s', @Reason)
                        when j.outcome in {Retried} then format('It is tried again. %s', @Reason) end
                from judged j where i.id = j.id returning i.id, i.kind, i.run_id, i.state, i.not_before, j.outcome),
            closed as (
                update attempts a set ended_at = clock_timestamp(), outcome = ended.outcome,
                    journal_stored = @IsStored or ended.kind <> 'run' -- only runs have journals
                from ended where a.item_id = ended.id and a.number = @Attempt)
            select state, not_before, pg_notify('{RunChanges.Rows}', run_id::text)::text as notified from ended;
            {CorrectionsLock};
            {Corrections}
            """,
            new
            {
                owner.ItemId,
                owner.Attempt,
                outcome = end.Outcome.Word(),
                end.Code,
                Reason = end.Reason ?? "",
                end.PeakMemoryMb,
                end.IsStored,
                delay = settings.RetryDelay.TotalSeconds,
                longest = LongestDelay.TotalSeconds,
            },
            cancellationToken: cancel));
        return (await answers.ReadAsync<Ended>()).SingleOrDefault() is { } ended
            ? new(Enum.Parse<RunState>(ended.State), ended.NotBefore)
            : null;
    }

    /// <summary>Whether the item is still the caller's; for what its kind stores beside it, in the caller's transaction.</summary>
    public static async Task<bool> HoldAsync(NpgsqlConnection connection, Assignment owner, CancellationToken cancel)
        => await connection.ExecuteScalarAsync<bool?>(new(
            "select true from work_items where id = @ItemId and attempt = @Attempt and state = 'Running' for share",
            new { owner.ItemId, owner.Attempt }, cancellationToken: cancel)) == true;
}
