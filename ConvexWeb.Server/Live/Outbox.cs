using Microsoft.AspNetCore.SignalR;

namespace ConvexWeb.Server.Live;

/// <summary>
/// Writes to browsers and waits for none of them. What a slow one is sent waits in its own connection. One that takes nothing for some
/// seconds is cut off; when it is awake again it connects anew and fetches what it has missed.
/// </summary>
public sealed class Outbox(IHubContext<LiveHub> hub, OpenConnections connections, TimeProvider time, ILogger<Outbox> log)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private sealed class Backlog
    {
        public int Waiting;
        public long Moved; // when the connection last took something, or when it stopped
    }

    private readonly Lock gate = new();
    private readonly Dictionary<string, Backlog> backlogs = new(StringComparer.Ordinal);

    public void Send(string connection, string method, object message)
    {
        if (IsStuck(connection))
        {
            log.LogInformation("A browser that does not read is cut off");
            connections.Abort(connection);
            return;
        }
        var writing = hub.Clients.Client(connection).SendAsync(method, message);
        if (!writing.IsCompletedSuccessfully) _ = WaitAsync(connection, writing);
    }

    private bool IsStuck(string connection)
    {
        lock (gate) return backlogs.TryGetValue(connection, out var backlog) && time.GetElapsedTime(backlog.Moved) > Patience;
    }

    private async Task WaitAsync(string connection, Task writing)
    {
        lock (gate)
        {
            if (!backlogs.TryGetValue(connection, out var backlog)) backlogs[connection] = backlog = new() { Moved = time.GetTimestamp() };
            backlog.Waiting++;
        }

        // A connection that ends takes with it what waits.
        await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (gate)
        {
            var backlog = backlogs[connection];
            backlog.Moved = time.GetTimestamp();
            if (--backlog.Waiting == 0) backlogs.Remove(connection);
        }
    }
}
