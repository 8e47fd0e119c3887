namespace ConvexWeb.Server.Leasing;

/// <summary>An item that waits, as far as its place in the queue depends on it.</summary>
/// <param name="New">It never ran: when it starts, its user has had a turn.</param>
public readonly record struct Candidate(long Id, string User, int Priority, bool Recovered, bool New);

/// <summary>A user who has items waiting: weight, how many run, and when the last new one began.</summary>
public sealed record QueueUser(string CreatedBy, double Weight, long Running, DateTimeOffset? Served);

/// <summary>
/// In which order items will be taken, if slots come free one by one and each item that starts counts as running: what the claim
/// (<see cref="ClaimOrder"/>) would decide again and again. A test holds the two together.
/// </summary>
public static class QueueOrder
{
    /// <param name="candidates">Of one queue.</param>
    /// <returns>Their ids in that order.</returns>
    public static IEnumerable<long> Of(IEnumerable<Candidate> candidates, IEnumerable<QueueUser> users)
    {
        var known = users.ToDictionary(user => user.CreatedBy, StringComparer.Ordinal);
        var heads = candidates.GroupBy(item => item.User, StringComparer.Ordinal).Select(own => new Line(
            known[own.Key], new(own.OrderByDescending(item => item.Priority).ThenByDescending(item => item.Recovered).ThenBy(item
                => item.Id))))
            .ToList();
        for (var turn = 1L; heads.Count > 0; turn++)
        {
            var best = heads[0];
            foreach (var line in heads)
                if (line.GoesBefore(best)) best = line;
            yield return best.Take(turn).Id;
            if (best.IsEmpty) heads.Remove(best);
        }
    }

    /// <summary>The items of one user, the best in front.</summary>
    private sealed class Line(QueueUser user, Queue<Candidate> items)
    {
        private long running = user.Running;
        private long served = user.Served?.UtcTicks ?? long.MinValue;

        public bool IsEmpty => items.Count == 0;

        private double Share => running / user.Weight;

        public Candidate Take(long turn)
        {
            var item = items.Dequeue();
            running++;
            if (item.New) served = DateTimeOffset.MaxValue.UtcTicks + turn; // after all that was
            return item;
        }

        public bool GoesBefore(Line other)
        {
            var (mine, theirs) = (items.Peek(), other.First);
            if (mine.Priority != theirs.Priority) return mine.Priority > theirs.Priority;
            if (mine.Recovered != theirs.Recovered) return mine.Recovered;
            if (!Share.Equals(other.Share)) return Share < other.Share;
            if (served != other.served) return served < other.served;
            return mine.Id < theirs.Id;
        }

        private Candidate First => items.Peek();
    }
}
