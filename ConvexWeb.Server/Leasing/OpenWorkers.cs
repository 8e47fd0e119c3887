namespace ConvexWeb.Server.Leasing;

/// <summary>Workers that are alive and take new items, and what they have free, as SQL.</summary>
internal static class OpenWorkers
{
    /// <summary>Of workers <c>w</c>: neither silent nor drained nor refused.</summary>
    public static readonly string IsOpen = $"{IsAlive} and not w.draining and w.refused is null";

    /// <summary>Of workers <c>w</c>: heard of lately.</summary>
    public static string IsAlive => $"w.last_seen > now() - interval '{WorkerHeartbeat.Silence.TotalSeconds} seconds'";

    /// <summary>
    /// Common table expression <c>open_workers</c>: name, queues, slots, free slots, and in MB the most that one of its devices has free
    /// (<c>fits</c>; more than any item needs where that is not known).
    /// </summary>
    public static readonly string Sql =
        $"""
        open_workers as (
            select w.name, string_to_array(w.queues, ', ') as queues, w.slots, w.slots - used.items as free, coalesce((
                    select max(coalesce((d->>'mb')::bigint, {int.MaxValue}) - coalesce((
                        select sum(b.memory_mb) from work_items b
                        where b.state = 'Running' and b.worker = w.name and b.device = d->>'name'), 0))
                    from jsonb_array_elements(w.lends) d), {int.MaxValue}) as fits
            from workers w cross join lateral (
                select count(*) as items from work_items b where b.state = 'Running' and b.worker = w.name) used
            where {IsOpen})
        """;
}
