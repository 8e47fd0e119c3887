using ConvexWeb.Client.Contracts;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>An item that waits: its place, when it is expected to start, and what holds it back besides those before it.</summary>
public sealed record WaitingItem
{
    public long ItemId { get; init; }
    public string Kind { get; init; } = "";
    public long RunId { get; init; }

    /// <summary>The run's.</summary>
    public string Name { get; init; } = "";
    public string CreatedBy { get; init; } = "";
    public short Priority { get; init; }
    public string Queue { get; init; } = "";
    public int MemoryMb { get; init; }
    public DateTimeOffset QueuedAt { get; init; }
    public DateTimeOffset? NotBefore { get; init; }
    public string? Reason { get; init; }

    /// <summary>From 1, among the items of all queues that the workers of its queue serve.</summary>
    public long Place { get; init; }

    /// <summary>Seconds from now until it is expected to start; null: not known, or as things are it cannot.</summary>
    public double? StartsIn { get; init; }

    /// <summary>How many items of its user may run at once, when as many do.</summary>
    public int? UserLimit { get; init; }

    /// <summary>As many runs of its study run as may.</summary>
    public bool StudyFull { get; init; }
}

/// <summary>The living workers of a queue.</summary>
/// <param name="Open">Those that take new items: neither drained nor of another version.</param>
/// <param name="Drained">Those that an administrator drains.</param>
/// <param name="Free">Their free slots.</param>
/// <param name="MemoryMb">What items may have on their largest device; null where it is not known of one.</param>
/// <param name="Fits">What is free now on a device with a free slot, at most; null where no slot is free.</param>
public sealed record QueueWorkers(string Queue, int Workers, int Open, int Drained, int Free, int? MemoryMb, long? Fits);

/// <summary>What waits, in the order in which it will start (<see cref="QueueSimulation"/>), and why each item waits.</summary>
public sealed class WaitingItems(NpgsqlDataSource database)
{
    /// <summary>What a trainer takes to start: the libraries, the data, the network.</summary>
    private const string StartSeconds = "2";

    /// <summary>
    /// What runs take by measure: the pace of runs of the same spec among the latest that have succeeded, else of the same model and data
    /// set. Common table expressions <c>same</c> and <c>usual</c>, whose pace is in seconds a step. Only runs that were trained in one go
    /// are measured, since a pause is no work, and what a trainer takes to start is none of its steps.
    /// </summary>
    private const string Paces =
        $"""
        latest as (
            select r.group_key, r.model, r.dataset,
                greatest(0, extract(epoch from i.ended_at - i.started_at)::float8 - {StartSeconds}) / greatest(r.total_steps, 1) as pace
            from (
                select w.run_id, a.started_at, a.ended_at from work_items w join attempts a on a.item_id = w.id and a.number = w.attempt
                where w.kind = 'run' and w.state = 'Succeeded' and w.attempt = 1 order by w.finished_at desc limit 2000) i
            join runs r on r.id = i.run_id),
        same as (select group_key, percentile_cont(0.5) within group (order by pace) as pace from latest group by 1),
        usual as (select model, dataset, percentile_cont(0.5) within group (order by pace) as pace from latest group by 1, 2)
        """;

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
                return workers.Drained > 0
                    ? (WaitCode.Draining, $"The workers of the queue \"{item.Queue}\" take nothing new: they are being drained.")
                    : (WaitCode.OtherVersion, $"The workers of the queue \"{item.Queue}\" take nothing: they are of another version than "
                        + "the server. The Workers page says of which.");
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

    private sealed record WorkerRow
    {
        public string Name { get; init; } = "";
        public string[] Queues { get; init; } = [];
        public bool Draining { get; init; }
    }

    /// <param name="runs">Only items about these runs; null for all, in their order.</param>
    /// <param name="queue">Only this queue; null for all.</param>
    /// <param name="most">Of all that are asked for, the first.</param>
    /// <param name="kind">Of <paramref name="runs"/>: their training, or certificates of them.</param>
    public async Task<Snapshot> ReadAsync(
        IReadOnlyCollection<long>? runs, string? queue, int most, CancellationToken cancel, WorkKind kind = WorkKind.Run)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);

        // One snapshot: an item whose user had none before must not come between the statements.
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        var (maintenance, workers, state) = await StateAsync(connection, cancel);
        var byQueue = ByQueue(workers, state.Rooms);
        var studies = state.Running.Where(item => item.Study is not null).CountBy(item => item.Study!.Value).ToDictionary();
        var users = state.Users.ToDictionary(user => user.CreatedBy, StringComparer.Ordinal);

        var asked = runs?.ToHashSet();
        bool IsWanted(QueuedWork item) => (queue is null || item.Queue == queue)
            && (asked is null || asked.Contains(item.RunId) && item.Trains == (kind == WorkKind.Run));
        var total = state.Waiting.Count(IsWanted);
        var wanted = asked is null ? Math.Min(most, total) : total;
        var turns = new List<(Turn Turn, long Place)>();
        if (wanted > 0)
        {
            var before = new Dictionary<string, long>(StringComparer.Ordinal);
            var rivals = new Dictionary<string, List<string>>(StringComparer.Ordinal);
            foreach (var turn in QueueSimulation.Of(state))
            {
                var its = turn.Item.Queue;
                if (!rivals.TryGetValue(its, out var same)) rivals[its] = same = Rivals(its, state.Rooms);
                if (IsWanted(turn.Item)) turns.Add((turn, 1 + same.Sum(other => before.GetValueOrDefault(other))));
                before[its] = before.GetValueOrDefault(its) + 1;
                if (turns.Count == wanted) break;
            }
        }

        var items = (await connection.QueryAsync<WaitingItem>(new(
            """
            select q.id as item_id, q.kind, q.run_id, r.name, q.created_by, q.priority, q.queue, q.memory_mb, q.queued_at, q.not_before,
                q.reason
            from work_items q join runs r on r.id = q.run_id where q.id = any(@ids)
            """, new { ids = turns.Select(found => found.Turn.Item.Id).ToArray() }, cancellationToken: cancel)))
            .ToDictionary(item => item.ItemId);
        return new(
            maintenance,
            [
                .. turns.Select(found => items[found.Turn.Item.Id] with
                {
                    Place = found.Place,
                    StartsIn = found.Turn.Seconds,
                    UserLimit = users[found.Turn.Item.CreatedBy] is { Most: { } limit } user && user.Running >= limit ? limit : null,
                    StudyFull = found.Turn.Item.Study is { } study && state.StudyLimits.TryGetValue(study, out var runsAtOnce)
                        && studies.GetValueOrDefault(study) >= runsAtOnce,
                }),
            ],
            byQueue, total);
    }

    private static async Task<(string? Maintenance, IReadOnlyList<WorkerRow> Alive, QueueState State)> StateAsync(
        NpgsqlConnection connection, CancellationToken cancel)
    {
        // Of a running run, its own pace since its attempt began; of one that has not got anywhere yet, that of others.
        await using var answers = await connection.QueryMultipleAsync(new(
            $"""
            select maintenance from lab;
            select w.name, string_to_array(w.queues, ', ') as queues, w.draining from workers w where {OpenWorkers.IsAlive};
            with {DeviceRooms.Open} {DeviceRooms.Rows};
            with {ClaimOrder.Shares("true")} select created_by, weight, running, served, most from waiting_users;
            select s.id as study, coalesce(s.max_running, l.study_running) as most from studies s cross join lab l
            where coalesce(s.max_running, l.study_running) is not null and s.id in (
                select study_id from work_items where state = 'Queued' and kind = 'run');
            with {Paces}
            select i.worker, {DeviceRooms.Machine} as host, i.device, i.created_by, case when i.kind = 'run' then i.study_id end as study,
                i.memory_mb,
                case when i.kind <> 'run' then null
                    when r.step > j.resumed_step then (r.total_steps - r.step)
                        * extract(epoch from clock_timestamp() - a.started_at)::float8 / (r.step - j.resumed_step)
                    when coalesce(same.pace, usual.pace) is not null then greatest(0, {StartSeconds} + (r.total_steps - r.step)
                        * coalesce(same.pace, usual.pace) - extract(epoch from clock_timestamp() - a.started_at)::float8) end as seconds
            from work_items i join runs r on r.id = i.run_id left join attempts a on a.item_id = i.id and a.number = i.attempt
            left join workers w on w.name = i.worker
            left join journals j on j.run_id = r.id and j.attempt = i.attempt and i.kind = 'run'
            left join same on same.group_key = r.group_key left join usual on usual.model = r.model and usual.dataset = r.dataset
            where i.state = 'Running' order by a.started_at, i.id;
            with {Paces}
            select q.id, q.run_id, q.kind = 'run' as trains, q.queue, q.created_by, q.priority::int as priority, q.recovered,
                q.attempt = 0 as is_new, q.memory_mb, case when q.kind = 'run' then q.study_id end as study,
                extract(epoch from q.not_before - clock_timestamp())::float8 as delay,
                case when q.kind = 'run' then {StartSeconds} + (r.total_steps - r.step) * coalesce(same.pace, usual.pace) end as seconds
            from work_items q join runs r on r.id = q.run_id
            left join same on same.group_key = r.group_key left join usual on usual.model = r.model and usual.dataset = r.dataset
            where q.state = 'Queued'
            """, cancellationToken: cancel));
        var maintenance = await answers.ReadSingleAsync<string?>();
        var alive = (await answers.ReadAsync<WorkerRow>()).AsList();
        var rooms = (await answers.ReadAsync<DeviceRoom>()).AsList();
        var users = (await answers.ReadAsync<QueueUser>()).AsList();
        var limits = (await answers.ReadAsync<(long Study, int Most)>()).ToDictionary(study => study.Study, study => study.Most);
        var running = (await answers.ReadAsync<RunningWork>()).AsList();
        var waiting = (await answers.ReadAsync<QueuedWork>()).AsList();
        return (maintenance, alive, new(waiting, running, users, limits, rooms, IsClosed: maintenance is not null));
    }

    private static Dictionary<string, QueueWorkers> ByQueue(IReadOnlyList<WorkerRow> alive, IReadOnlyCollection<DeviceRoom> rooms)
        => alive.SelectMany(worker => worker.Queues).Distinct().ToDictionary(queue => queue, queue =>
        {
            var open = rooms.Where(room => room.Queues.Contains(queue)).ToList();
            return new QueueWorkers(
                queue, alive.Count(worker => worker.Queues.Contains(queue)), open.DistinctBy(room => room.Worker).Count(),
                alive.Count(worker => worker.Draining && worker.Queues.Contains(queue)),
                open.Sum(room => room.FreeSlots), open.Exists(room => room.Mb is null) ? null : open.Max(room => room.Mb),
                new Rooms(open).MostFor(queue));
        });

    // The queues whose items take slots from each other: those that a worker of the queue serves.
    private static List<string> Rivals(string queue, IReadOnlyCollection<DeviceRoom> rooms)
        => [.. rooms.Where(room => room.Queues.Contains(queue)).SelectMany(room => room.Queues).Append(queue).Distinct()];
}
