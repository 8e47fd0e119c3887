using ConvexWeb.Server.Leasing;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// An item of level high or urgent that has found no slot for some seconds takes that of a run that is at least two levels lower: the run
/// stops with a checkpoint, waits again, and goes on from there before new ones of its level. Of several the lowest yields, of those the
/// one whose attempt began last. Only runs yield, because only they lose nothing by it; and none that has just begun, or two could
/// chase each other out.
/// </summary>
internal sealed class Preemption(NpgsqlDataSource database, WorkerSettings settings)
{
    private const string Pressing = "q.priority >= 4"; // high and urgent
    private const int LevelsBetween = 2;

    public async Task PassAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var answers = await connection.QueryMultipleAsync(new(
            $"""
            {ClaimOrder.Lock};
            with {ClaimOrder.Shares(Pressing)},
            urgent as (
                select q.queue, q.priority, row_number() over (partition by q.queue order by q.priority desc, q.id) as place
                from work_items q join waiting_users u on u.created_by = q.created_by
                where {ClaimOrder.MayGo} and {Pressing} and (u.most is null or u.running < u.most)
                  and q.queued_at < clock_timestamp() - make_interval(secs => @patience)),
            asked as (select queue, count(*) as n from work_items where state = 'Running' and wish = 'yield' group by queue),
            room as (
                select r.id, r.queue, r.priority,
                    row_number() over (partition by r.queue order by r.priority, a.started_at desc) + coalesce(asked.n, 0) as place
                from work_items r join attempts a on a.item_id = r.id and a.number = r.attempt left join asked on asked.queue = r.queue
                where r.kind = 'run' and r.state = 'Running' and r.wish is null
                  and a.started_at < clock_timestamp() - make_interval(secs => @begun)),
            yielding as (
                update work_items i set wish = 'yield' from room join urgent on urgent.queue = room.queue and urgent.place = room.place
                where i.id = room.id and i.state = 'Running' and room.priority <= urgent.priority - {LevelsBetween}
                returning i.id)
            select pg_notify('{RunChanges.Wishes}', id::text)::text from yielding
            """,
            new { patience = settings.PreemptAfter.TotalSeconds, begun = settings.PreemptAfter.TotalSeconds * 3 },
            cancellationToken: cancel));
        await answers.ReadAsync();
        await answers.ReadAsync();
    }
}
