using System.Collections.Concurrent;
using Microsoft.AspNetCore.SignalR;

namespace ConvexWeb.Server.Live;

/// <summary>Every hub connection of this node, so that it can be closed when its session is over.</summary>
public sealed class OpenConnections
{
    private readonly ConcurrentDictionary<string, HubCallerContext> open = new(StringComparer.Ordinal);

    public void Add(HubCallerContext connection) => open[connection.ConnectionId] = connection;

    public void Remove(HubCallerContext connection) => open.TryRemove(connection.ConnectionId, out _);

    /// <summary>Ends a connection at once, whatever waits to be written to it.</summary>
    public void Abort(string connection)
    {
        if (open.TryGetValue(connection, out var found)) found.Abort();
    }
}
