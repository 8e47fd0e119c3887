namespace ConvexWeb.Server.Leasing;

/// <summary>What runs of one spec were seen to need on the devices of a queue, as SQL.</summary>
internal static class MeasuredMemory
{
    /// <summary>The most that one device of a queue's workers lends, in MB; null where none says.</summary>
    /// <param name="queue">In SQL.</param>
    public static string Lent(string queue) =>
        $"""
        (select max((d->>'mb')::int) from workers w cross join lateral jsonb_array_elements(w.lends) d
        where {queue} = any(string_to_array(w.queues, ', ')))
        """;

    /// <summary>
    /// The most that one of them had that succeeded on such workers, in MB: one that ended otherwise may have needed more later. Null where
    /// none is known.
    /// </summary>
    /// <param name="key">The runs' group key, in SQL.</param>
    /// <param name="queue">In SQL.</param>
    public static string Peak(string key, string queue) =>
        $"""
        (select max(s.peak_memory_mb) from runs t join work_items s on s.run_id = t.id and s.kind = 'run'
        where t.group_key = {key} and s.queue = {queue} and s.state = 'Succeeded')
        """;
}
