using ConvexWeb.Client.Contracts;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>An item that waits: its place in its queue, and what holds it back besides those before it.</summary>
public sealed record WaitingItem
{
    public long ItemId { get; init; }
    public string Kind { get; init; } = "";
    public long RunId { get; init; }
    public string CreatedBy { get; init; } = "";
    public short Priority { get; init; }
    public string Queue { get; init; } = "";
    public int MemoryMb { get; init; }
    public DateTimeOffset QueuedAt { get; init; }
    public DateTimeOffset? NotBefore { get; init; }
    public long Place { get; init; }
    public string? Reason { get; init; }

    /// <summary>How many items of its user may run at once, when as many do.</summary>
    public int? UserLimit { get; init; }

    /// <summary>As many runs of its study run as may.</summary>
    public bool StudyFull { get; init; }
}

/// <summary>The living workers of a queue.</summary>
/// <param name="Open">Those that take new items: neither drained nor of another version.</param>
/// <param name="Free">Their free slots.</param>
/// <param name="MemoryMb">What items may have on their largest device; null where one does not say.</param>
/// <param name="Fits">What is free now on a device with a free slot, at most; null where no slot is free.</param>
public sealed record QueueWorkers(string Queue, int Workers, int Open, int Free, int? MemoryMb, long? Fits);

/// <summary>What waits, in the order of <see cref="ClaimOrder"/>, and why each item waits.</summary>
public sealed class WaitingItems(NpgsqlDataSource database)
{
    public sealed record Snapshot(
        string? Maintenance, IReadOnlyList<WaitingItem> Items, IReadOnlyDictionary<string, QueueWorkers> Workers, long Total)
    {
        /// <summary>Why an item waits, as a code and in a sentence.</summary>
        public (WaitCode Code, string Words) Why(WaitingItem item, DateTimeOffset now)
        {
            var workers = Workers.GetValueOrDefault(item.Queue);
            if (Maintenance is not null) return (WaitCode.Maintenance, $"Maintenance: {Maintenance}");
            if (workers is null or { Workers: 0 }) return (WaitCode.NoWorker, NoWorker(item.Queue));
            if (workers.Open == 0)
            {
                return (WaitCode.Draining, $"The workers of the queue \"{item.Queue}\" take nothing new: they are being drained, or are of "
                    + "another version than the server.");
            }
            if (item.NotBefore is { } notBefore && notBefore > now) return (WaitCode.Retry, item.Reason ?? "It is tried again soon.");
            if (item.UserLimit is { } most)
                return (WaitCode.UserLimit, $"{item.CreatedBy} has as many items running as may run at once, which is {most}.");
            if (item.StudyFull) return (WaitCode.StudyLimit, "As many runs of its study are running as may run at once.");
            if (workers.MemoryMb < item.MemoryMb)
            {
                return (WaitCode.Memory, $"It needs {item.MemoryMb:N0} MB, and no device of the queue's workers lends more than "
                    + $"{workers.MemoryMb:N0} MB.");
            }
            if (workers.Free > 0 && workers.Fits < item.MemoryMb)
            {
                return (WaitCode.Memory, $"It needs {item.MemoryMb:N0} MB; a device with a free slot has "
                    + $"{Math.Max(0, workers.Fits.Value):N0} MB free at the moment.");
            }
            return item.Place == 1
                ? (WaitCode.Next, "It is next, and waits for a free slot of a worker.")
                : (WaitCode.Behind, $"{item.Place - 1:N0} item{(item.Place == 2 ? " goes" : "s go")} before it.");
        }
    }

    public static string NoWorker(string queue)
        => $"It waits: no worker that serves the queue \"{queue}\" is alive. The Workers page shows which there are.";

    private sealed record Place(
        long Id, string Queue, string CreatedBy, short Priority, bool Recovered, int Attempt, int MemoryMb, bool Later, int? UserLimit,
        bool StudyFull)
    {
        /// <summary>Whether it would stay behind if its turn came now: others go before it whatever its priority.</summary>
        public bool StaysBehind(QueueWorkers? workers) => Later || StudyFull || UserLimit is not null || workers is not null
            && (workers.MemoryMb < MemoryMb || workers.Free > 0 && workers.Fits < MemoryMb);
    }

    /// <param name="runs">Only items about these runs; null for all, in their order.</param>
    /// <param name="queue">Only this queue; null for all, one after the other.</param>
    /// <param name="kind">Of <paramref name="runs"/>: their training, or certificates of them.</param>
    public async Task<Snapshot> ReadAsync(
        IReadOnlyCollection<long>? runs, string? queue, int most, CancellationToken cancel, WorkKind kind = WorkKind.Run)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);

        // One snapshot: an item whose user had none before must not come between the statements.
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        var (ids, word) = (runs?.ToArray(), kind.Word());
        await using var answers = await connection.QueryMultipleAsync(new(
            $"""
            select maintenance from lab;
            with {ClaimOrder.Shares("true")} select created_by, weight, running, served from waiting_users;
            with {ClaimOrder.Shares("true")}
            select q.id, q.queue, q.created_by, q.priority, q.recovered, q.attempt, q.memory_mb,
                coalesce(q.not_before > clock_timestamp(), false) as later, case when u.running >= u.most then u.most end as user_limit,
                q.kind = 'run' and exists (select from full_studies f where f.study_id = q.study_id) as study_full
            from work_items q join waiting_users u on u.created_by = q.created_by
            where q.state = 'Queued' and q.queue in (
                select queue from work_items
                where state = 'Queued' and (@ids::bigint[] is null or run_id = any(@ids) and kind = @word)
                  and (@queue::text is null or queue = @queue));
            with {OpenWorkers.Sql}
            select g.name as queue, count(*)::int as workers, count(o.name)::int as open, coalesce(sum(o.free), 0)::int as free,
                max((select max((d->>'mb')::int) from jsonb_array_elements(w.lends) d)) filter (where o.name is not null) as memory_mb,
                (max(o.fits) filter (where o.free > 0))::bigint as fits
            from workers w cross join lateral unnest(string_to_array(w.queues, ', ')) as g(name)
            left join open_workers o on o.name = w.name
            where {OpenWorkers.IsAlive} group by 1
            """, new { ids, word, queue }, cancellationToken: cancel));
        var maintenance = await answers.ReadSingleAsync<string?>();
        var users = (await answers.ReadAsync<QueueUser>()).AsList();
        var all = (await answers.ReadAsync<Place>()).AsList();
        var workers = (await answers.ReadAsync<QueueWorkers>()).ToDictionary(worker => worker.Queue);

        var places = new Dictionary<long, long>();
        var known = all.ToDictionary(item => item.Id);
        foreach (var line in all.GroupBy(item => item.Queue).OrderBy(line => line.Key, StringComparer.Ordinal))
        {
            var place = 0L;
            foreach (var part in line.GroupBy(item => item.StaysBehind(workers.GetValueOrDefault(line.Key))).OrderBy(part => part.Key))
            {
                var candidates = part.Select(
                    item => new Candidate(item.Id, item.CreatedBy, item.Priority, item.Recovered, New: item.Attempt == 0));
                foreach (var id in QueueOrder.Of(candidates, users)) places[id] = ++place;
            }
        }
        var wanted = runs is null ? places.Keys.Take(most).ToArray() : [.. places.Keys];
        var items = (await connection.QueryAsync<WaitingItem>(new(
            """
            select q.id as item_id, q.kind, q.run_id, q.created_by, q.priority, q.queue, q.memory_mb, q.queued_at, q.not_before, q.reason
            from work_items q where q.id = any(@wanted) and (@ids::bigint[] is null or q.run_id = any(@ids) and q.kind = @word)
            """, new { ids, word, wanted }, cancellationToken: cancel))).Select(item => item with
            {
                Place = places[item.ItemId],
                UserLimit = known[item.ItemId].UserLimit,
                StudyFull = known[item.ItemId].StudyFull,
            });
        return new(
            maintenance, [.. items.OrderBy(item => item.Queue, StringComparer.Ordinal).ThenBy(item => item.Place)], workers, all.Count);
    }
}
