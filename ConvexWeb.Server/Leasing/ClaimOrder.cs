namespace ConvexWeb.Server.Leasing;

/// <summary>
/// Who is next, in one place: read by the claim and by whatever tells people about the queue. Higher priority first; then a run that was
/// begun before new ones; then the user with the fewest running runs, of whom the one whose last new run began longest ago; then age.
/// </summary>
internal static class ClaimOrder
{
    /// <summary>
    /// Taken by every claim, so that two that come at once see each other's; and by whoever makes tickets, so that they make none twice.
    /// </summary>
    public const string Lock = "select pg_advisory_xact_lock(0x5175657565)"; // "Queue"

    /// <summary>Runs <c>q</c> that can be taken.</summary>
    public const string IsWaiting = "q.state = 'Queued' and q.cancel_requested_at is null";

    /// <summary>Of each user <c>u.created_by</c>: how many runs he has at work, and when his last new run began.</summary>
    public const string Shares =
        """
        cross join lateral (select count(*) as running from runs b where b.state = 'Running' and b.created_by = u.created_by) busy
        cross join lateral (select max(t.started_at) as served from runs t where t.created_by = u.created_by) turn
        """;

    /// <summary>The run that goes next of the groups in $1; no row when none waits. Only each user's best is compared.</summary>
    public const string Next =
        $"""
        select q.id from (select distinct q.created_by from runs q where {IsWaiting} and q.execution_group = any($1)) u
        {Shares}
        cross join lateral (
            select q.id, q.priority, q.attempt > 0 as begun from runs q
            where {IsWaiting} and q.execution_group = any($1) and q.created_by = u.created_by
            order by q.priority desc, (q.attempt > 0) desc, q.id limit 1) q
        order by q.priority desc, q.begun desc, busy.running, turn.served nulls first, q.id limit 1
        """;

    /// <summary>
    /// Of queued run $1: how many of its group go before it, if slots come free one by one and each run that starts counts as running.
    /// Null for any other run.
    /// </summary>
    public const string Ahead =
        $"""
        with waiting as (
            select q.id, q.created_by, q.priority, q.attempt > 0 as begun, row_number() over (
                partition by q.created_by, q.priority, q.attempt > 0 order by q.id) as own
            from runs q join runs r on r.id = $1 and q.execution_group = r.execution_group
            where {IsWaiting}),
        placed as (
            select w.id, row_number() over (
                order by w.priority desc, w.begun desc, busy.running + w.own, turn.served nulls first, w.id) as place
            from (select distinct created_by from waiting) u {Shares} join waiting w on w.created_by = u.created_by)
        select (select place - 1 from placed where id = $1)
        """;
}
