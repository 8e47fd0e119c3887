namespace ConvexWeb.Server.Live;

/// <summary>Which runs the browsers of this node watch, and how far each has been sent.</summary>
public sealed class WatchList
{
    private sealed class Watched
    {
        public readonly HashSet<string> Watchers = new(StringComparer.Ordinal);
        public long? Sent; // null until somebody has read where the run stands
    }

    private readonly Lock gate = new();
    private readonly Dictionary<long, Watched> runs = [];
    private readonly Dictionary<string, HashSet<long>> connections = new(StringComparer.Ordinal);

    /// <returns>How many runs the connection watches now.</returns>
    public int Add(string connection, IEnumerable<long> ids)
    {
        lock (gate)
        {
            if (!connections.TryGetValue(connection, out var own)) connections[connection] = own = [];
            foreach (var id in ids.Where(own.Add))
            {
                if (!runs.TryGetValue(id, out var run)) runs[id] = run = new Watched();
                run.Watchers.Add(connection);
            }
            return own.Count;
        }
    }

    public void Remove(string connection, IEnumerable<long> ids)
    {
        lock (gate)
        {
            if (!connections.TryGetValue(connection, out var own)) return;
            foreach (var id in ids.ToList().Where(own.Remove))
            {
                runs[id].Watchers.Remove(connection);
                if (runs[id].Watchers.Count == 0) runs.Remove(id);
            }
        }
    }

    public int CountOf(string connection)
    {
        lock (gate) return connections.TryGetValue(connection, out var own) ? own.Count : 0;
    }

    /// <summary>Whom the points of a run are for.</summary>
    public IReadOnlyList<string> WatchersOf(long id)
    {
        lock (gate) return runs.TryGetValue(id, out var run) ? [.. run.Watchers] : [];
    }

    public void Forget(string connection)
    {
        lock (gate)
        {
            if (connections.TryGetValue(connection, out var own)) Remove(connection, own);
            connections.Remove(connection);
        }
    }

    /// <summary>The first who watches says where the run stands; what was stored before, a browser fetches.</summary>
    public void Start(long id, long lastSeq)
    {
        lock (gate)
        {
            if (runs.TryGetValue(id, out var run)) run.Sent ??= lastSeq;
        }
    }

    public void Advance(long id, long seq)
    {
        lock (gate)
        {
            if (runs.TryGetValue(id, out var run)) run.Sent = seq;
        }
    }

    public long? SentOf(long id)
    {
        lock (gate) return runs.TryGetValue(id, out var run) ? run.Sent : null;
    }

    public bool IsWatched(long id)
    {
        lock (gate) return runs.ContainsKey(id);
    }

    public IReadOnlyList<long> All()
    {
        lock (gate) return [.. runs.Keys];
    }
}
