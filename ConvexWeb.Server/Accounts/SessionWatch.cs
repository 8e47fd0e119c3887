using System.Collections.Concurrent;
using System.Security.Claims;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// Connections of this node that outlive the request that opened them: circuits of pages, and those of the hub. When the session or token
/// behind one ends, on whatever node, it is closed: at once by the database's notification, and at the latest after ten seconds.
/// </summary>
public sealed class SessionWatch(Sessions sessions, Listener listener, ServiceLoop loop, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<object, (Guid Door, Action Close)> open = new();

    /// <param name="close">Called once, when whatever let the user in is over.</param>
    /// <returns>To be disposed of when the connection ends by itself.</returns>
    public IDisposable Watch(ClaimsPrincipal user, Action close)
    {
        var entry = new Entry(this);
        open[entry] = (Identities.DoorOf(user) ?? Guid.Empty, close);
        return entry;
    }

    public async Task SweepAsync(CancellationToken cancel)
    {
        var looked = open.ToArray();
        if (looked.Length == 0) return;
        var alive = await sessions.AliveAsync(looked.Select(entry => entry.Value.Door).Distinct().ToList(), cancel);
        foreach (var (entry, (door, close)) in looked)
        {
            if (!alive.Contains(door) && open.TryRemove(entry, out _)) close();
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        listener.ListenAsync(
            "Hearing of sessions that end", [Sessions.EndedChannel], (_, stop) => SweepAsync(stop), (_, stop) => SweepAsync(stop),
            stoppingToken),
        loop.RunAsync("Checking sessions", EveryIntervalAsync, stoppingToken)); // what ends by its age tells nobody

    private async Task EveryIntervalAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stop)) await SweepAsync(stop);
    }

    private sealed class Entry(SessionWatch watch) : IDisposable
    {
        public void Dispose() => watch.open.TryRemove(this, out _);
    }
}
