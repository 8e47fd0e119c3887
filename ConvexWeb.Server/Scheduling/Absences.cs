using ConvexWeb.Server.Leasing;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Tells workers that are gone from workers that could not reach the database. A lease that is over is not enough: when the database was
/// away from everybody, it is back for this node a moment before it is for the worker, whose statement or connection must first time out.
/// So time counts only while this node has heard from the database without a break.
/// </summary>
/// <param name="interval">Between two questions.</param>
/// <param name="connect">How long a worker's connection may take to open.</param>
internal sealed class Absences(WorkerSettings settings, TimeSpan interval, TimeSpan connect, TimeProvider time)
{
    private Dictionary<(long Item, int Attempt), long> absent = []; // since when each is seen to be overdue
    private long heard = time.GetTimestamp(); // without a break, since then
    private long answered = time.GetTimestamp(); // the last time

    /// <summary>
    /// A longer time without an answer is a break, whatever the reason. In a shorter one no lease runs out: each was renewed before it.
    /// </summary>
    private TimeSpan Gap => interval + (2 * settings.Renewal);

    /// <summary>A lease is overdue for so long before its worker is given up: it has had time to renew it.</summary>
    private TimeSpan Patience => 1.25 * settings.Renewal;

    /// <summary>After a break, the longest that a worker that lives can take to renew: a statement that hangs, then a connection.</summary>
    private TimeSpan Recovery => settings.Lease + connect;

    /// <param name="overdue">Running items whose leases are over, as the database has just said.</param>
    /// <returns>Those whose workers are gone.</returns>
    public IReadOnlyList<(long Item, int Attempt)> Judge(IEnumerable<(long Item, int Attempt)> overdue)
    {
        var now = time.GetTimestamp();
        if (time.GetElapsedTime(answered, now) > Gap) (heard, absent) = (now, []);
        answered = now;
        absent = overdue.ToDictionary(item => item, item => absent.GetValueOrDefault(item, now));
        return time.GetElapsedTime(heard, now) < Recovery
            ? []
            : [.. absent.Where(seen => time.GetElapsedTime(seen.Value, now) >= Patience).Select(seen => seen.Key)];
    }
}
