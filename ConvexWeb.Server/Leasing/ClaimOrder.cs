using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Leasing;

/// <summary>
/// Who is next, in one place: read by the claim, by what makes tickets, and by what tells people about the queue
/// (<see cref="QueueSimulation"/> goes on from it, claim after claim). Higher priority first; then an item that waits again by no wish of
/// a person (its worker was lost, it made room) before new ones; then the user with the fewest running items for the user's weight, and
/// of those the one whose last new item began longest ago; then age. Limits of users and studies, the lab's maintenance and the memory of
/// the device (<see cref="DeviceRooms"/>) leave items out; they do not change the order of the others.
/// </summary>
internal static class ClaimOrder
{
    /// <summary>
    /// Taken by every claim, so that two that come at once see each other's; and by whoever makes tickets, so that they make none twice.
    /// </summary>
    public const string Lock = $"select {TakeLock}";

    /// <summary>As <see cref="Lock"/>, as an expression.</summary>
    public const string TakeLock = "pg_advisory_xact_lock(350424589669)"; // "Queue"

    /// <summary>The lock for a transaction of several round trips.</summary>
    public const string LockForSeveral = $"{Transactions.Short}; {Lock}";

    /// <summary>Items <c>q</c> that wait, and not for a time of their own.</summary>
    public const string IsWaiting = "q.state = 'Queued' and (q.not_before is null or q.not_before <= clock_timestamp())";

    /// <summary>Which items a claim looks at.</summary>
    private const string InQueues = "q.queue = any(@queues)";

    /// <summary>
    /// Common table expressions: <c>waiting_users</c> (weight, limit, how many items run, when the last new one began) and
    /// <c>full_studies</c>, which may start nothing more.
    /// </summary>
    /// <param name="of">Users of which waiting items <c>q</c>.</param>
    public static string Shares(string of = InQueues) =>
        $"""
        waiting_users as (
            select u.created_by, coalesce(s.weight, 1) as weight, coalesce(s.max_running, l.user_running) as most, busy.running, turn.served
            from (select distinct q.created_by from work_items q where q.state = 'Queued' and {of}) u
            cross join lab l left join user_shares s on s.user_name = u.created_by
            cross join lateral (
                select count(*) as running from work_items b where b.state = 'Running' and b.created_by = u.created_by) busy
            cross join lateral (select max(t.started_at) as served from work_items t where t.created_by = u.created_by) turn),
        full_studies as (
            select r.study_id from work_items r join studies s on s.id = r.study_id cross join lab l
            where r.state = 'Running' and r.kind = 'run'
            group by r.study_id, s.max_running, l.study_running having count(*) >= coalesce(s.max_running, l.study_running))
        """;

    /// <summary>
    /// Whether nothing holds item <c>q</c> back but the want of a slot. Of a user that has reached the limit nothing may go.
    /// </summary>
    public const string MayGo =
        $"""
        {IsWaiting} and not exists (select from full_studies f where f.study_id = q.study_id and q.kind = 'run')
        and exists (select from lab l where l.maintenance is null)
        """;

    /// <summary>
    /// After <see cref="Shares"/>: the item that goes next of the queues in @queues; no row when there is none. Only each user's best is
    /// compared.
    /// </summary>
    /// <param name="memory">What the device has free, in SQL.</param>
    public static string Next(string memory) =>
        $"""
        select q.id from waiting_users u
        cross join lateral (
            select q.id, q.priority, q.recovered from work_items q
            where {MayGo} and {InQueues} and q.created_by = u.created_by and q.memory_mb <= {memory}
            order by q.priority desc, q.recovered desc, q.id limit 1
            for update of q skip locked) q
        where u.most is null or u.running < u.most
        order by q.priority desc, q.recovered desc, u.running / u.weight, u.served nulls first, q.id limit 1
        """;
}
