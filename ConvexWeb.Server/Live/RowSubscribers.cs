using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Live;

/// <summary>Who wants the rows of which runs on this node.</summary>
internal sealed class RowSubscribers(ILogger<RowSubscribers> log)
{
    private readonly Lock gate = new();
    private readonly HashSet<RowSubscription> all = [];

    /// <param name="isAllowed">Asked before each call of <paramref name="take"/>; when it is false, the subscription is over.</param>
    public IDisposable Add(IReadOnlyCollection<long>? ids, Func<bool> isAllowed, Func<RunNews, Task> take)
    {
        var subscription = new RowSubscription(ids, isAllowed, take, Remove, log);
        lock (gate) all.Add(subscription);
        return subscription;
    }

    /// <summary>Those of the runs that somebody wants.</summary>
    public long[] Wanted(IEnumerable<long> ids)
    {
        var open = Open();
        return open.Length == 0 ? [] : [.. ids.Where(id => Array.Exists(open, subscription => subscription.Wants(id)))];
    }

    public void Send(IReadOnlyList<RunRow> rows)
    {
        foreach (var subscription in Open()) subscription.Send(rows);
    }

    /// <summary>Changes may have been missed.</summary>
    public void Miss()
    {
        foreach (var subscription in Open()) subscription.Miss();
    }

    private RowSubscription[] Open()
    {
        lock (gate) return [.. all];
    }

    private void Remove(RowSubscription subscription)
    {
        lock (gate) all.Remove(subscription);
    }
}
