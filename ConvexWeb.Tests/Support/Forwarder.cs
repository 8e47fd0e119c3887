using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace ConvexWeb.Tests.Support;

/// <summary>
/// A port on loopback whose connections lead elsewhere; bytes pass as they are. When one end of a connection ends, so does the other.
/// </summary>
public abstract class Forwarder : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource over = new();
    private readonly ConcurrentDictionary<Connection, byte> connections = new();
    private readonly Task accepting;

    private sealed class Connection(Socket near)
    {
        public Socket Near => near;
        public Socket? Far { get; set; }
    }

    protected Forwarder()
    {
        listener.Start();
        accepting = AcceptAsync();
    }

    protected int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>The far end of a new connection.</summary>
    /// <exception cref="SocketException">There is none: the near end is closed.</exception>
    protected abstract Task<Socket> ConnectAsync(CancellationToken stop);

    /// <summary>Completes when bytes may pass.</summary>
    protected virtual Task PassAsync(CancellationToken stop) => Task.CompletedTask;

    /// <summary>So many bytes have come from the far end.</summary>
    protected virtual void Came(int bytes)
    {
    }

    protected void CloseAll()
    {
        foreach (var connection in connections.Keys) Close(connection);
    }

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        listener.Stop();
        CloseAll();
        await accepting;
        over.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var near = await listener.AcceptSocketAsync(over.Token);
                near.NoDelay = true;
                _ = ServeAsync(new(near));
            }
        }
        catch (Exception problem) when (problem is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private async Task ServeAsync(Connection connection)
    {
        connections[connection] = 0;
        try
        {
            var far = connection.Far = await ConnectAsync(over.Token);
            await Task.WhenAny(PumpAsync(connection.Near, far, _ => { }), PumpAsync(far, connection.Near, Came));
        }
        catch (Exception problem) when (problem is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // One of the two has gone.
        }
        Close(connection);
    }

    private async Task PumpAsync(Socket from, Socket to, Action<int> passed)
    {
        var buffer = new byte[1 << 16];
        while (await from.ReceiveAsync(buffer, over.Token) is > 0 and var count)
        {
            await PassAsync(over.Token);
            await to.SendAsync(buffer.AsMemory(0, count), over.Token);
            passed(count);
        }
    }

    private void Close(Connection connection)
    {
        connections.TryRemove(connection, out _);
        connection.Near.Dispose();
        connection.Far?.Dispose();
    }
}
