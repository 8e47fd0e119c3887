using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// An item of level high or urgent that has found no slot for some seconds takes that of a run that is at least two levels lower: the run
/// stops with a checkpoint, waits again, and goes on from there before new ones of its level (<see cref="Yielding"/> says which). Only
/// runs yield, because only they lose nothing by it; and none that has just begun, or two could chase each other out.
/// </summary>
internal sealed class Preemption(NpgsqlDataSource database, WorkerSettings settings)
{
    private const string Pressing = "q.priority >= 4"; // high and urgent
    private const long Lock = 0x5969656C64; // "Yield"

    public async Task PassAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        if (!await connection.ExecuteScalarAsync<bool>(new(
                $"select exists (select from work_items q where q.state = 'Queued' and {Pressing})", cancellationToken: cancel)))
        {
            return;
        }
        // One node at a time, and without the queue's lock, which claims wait for, until somebody is to yield: that is looked at once more.
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (!await connection.ExecuteScalarAsync<bool>(new($"select pg_try_advisory_xact_lock({Lock})", cancellationToken: cancel))) return;
        if ((await ChooseAsync(connection, $"{Transactions.Short}; select 1", cancel)).Count == 0) return;
        var chosen = await ChooseAsync(connection, ClaimOrder.LockForSeveral, cancel);
        if (chosen.Count == 0) return;
        await connection.ExecuteAsync(new(
            $"""
            with asked as (
                select id from work_items where id = any(@ids) and state = 'Running' and wish is null
                order by id for update skip locked),
            yielding as (update work_items i set wish = 'yield' from asked where i.id = asked.id returning i.id)
            select pg_notify('{RunChanges.Wishes}', id::text)::text from yielding
            """, new { ids = chosen.ToArray() }, cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
    }

    /// <param name="begin">What comes first, with one answer.</param>
    private async Task<IReadOnlyList<long>> ChooseAsync(NpgsqlConnection connection, string begin, CancellationToken cancel)
    {
        await using var answers = await connection.QueryMultipleAsync(new(
            $"""
            {begin};
            with {ClaimOrder.Shares(Pressing)},
            -- Of those that are alike no more can start than run now, or could: the rest needs no look, however many wait.
            alike as (
                select q.*, u.most - u.running as user_room, row_number() over (
                    partition by q.created_by, q.queue, q.memory_mb, q.study_id, q.kind
                    order by q.priority desc, q.recovered desc, q.id) as place
                from work_items q join waiting_users u on u.created_by = q.created_by
                where {ClaimOrder.MayGo} and {Pressing} and (u.most is null or u.running < u.most)
                  and q.queued_at < clock_timestamp() - make_interval(secs => @patience)),
            busy as (
                select study_id, count(*) as running from work_items where state = 'Running' and kind = 'run' group by study_id),
            places as (
                select greatest(
                    (select count(*) from work_items where state = 'Running'), (select sum(slots) from workers)) as most)
            select q.id, q.queue, q.priority::int as priority, q.memory_mb, q.created_by as user, q.user_room,
                case when q.kind = 'run' then q.study_id end as study,
                coalesce(s.max_running, l.study_running) - coalesce(b.running, 0) as study_room
            from alike q cross join places p join studies s on s.id = q.study_id cross join lab l
            left join busy b on b.study_id = q.study_id
            where q.place <= p.most
            order by q.priority desc, q.recovered desc, q.id;
            with {DeviceRooms.Open} {DeviceRooms.Rows};
            select i.id, i.worker, {DeviceRooms.Machine} as host, i.device, i.memory_mb, i.priority::int as priority, a.started_at,
                i.kind = 'run' and i.wish is null and a.started_at < clock_timestamp() - make_interval(secs => @begun) as may_yield,
                i.wish is not null as leaves
            from work_items i join attempts a on a.item_id = i.id and a.number = i.attempt left join workers w on w.name = i.worker
            where i.state = 'Running'
            """,
            new { patience = settings.PreemptAfter.TotalSeconds, begun = settings.PreemptAfter.TotalSeconds * 3 },
            cancellationToken: cancel));
        await answers.ReadAsync();
        var pressing = await answers.ReadAsync<PressingItem>();
        var rooms = await answers.ReadAsync<DeviceRoom>();
        return Yielding.Choose(pressing, rooms, await answers.ReadAsync<RunningItem>());
    }
}
