using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace ConvexWeb.Tests.Support;

/// <summary>
/// A network between a node and a PostgreSQL on a Unix socket, which can be cut: nothing passes any more, in either direction, and neither
/// end hears a word of it, as when a cable is pulled. What was under way when it was cut is lost.
/// </summary>
public sealed class Wire : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource over = new();
    private readonly ConcurrentDictionary<Connection, byte> connections = new();
    private readonly string socket;
    private readonly Task accepting;
    private volatile bool cut;

    private sealed record Connection(Socket Near, Socket Far);

    private Wire(string socket)
    {
        this.socket = socket;
        listener.Start();
        accepting = AcceptAsync();
    }

    /// <param name="connectionString">Of a database on a Unix socket; the wire's own is <see cref="ConnectionString"/>.</param>
    public static Wire To(string connectionString)
    {
        var address = new NpgsqlConnectionStringBuilder(connectionString);
        var wire = new Wire(Path.Combine(address.Host!, ".s.PGSQL.5432"));
        address.Host = "127.0.0.1";
        address.Port = ((IPEndPoint)wire.listener.LocalEndpoint).Port;
        // A cable that is pulled is noticed by what is not answered.
        (address.Timeout, address.CommandTimeout, address.CancellationTimeout, address.KeepAlive) = (3, 10, 500, 5);
        address.SslMode = SslMode.Disable;
        wire.ConnectionString = address.ConnectionString;
        return wire;
    }

    public string ConnectionString { get; private set; } = "";

    public void Cut() => cut = true;

    /// <summary>New connections pass again. Those of before the cut are dead, as the other end has given them up, or soon will.</summary>
    public void Heal()
    {
        cut = false;
        foreach (var connection in connections.Keys) Close(connection);
    }

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        listener.Stop();
        foreach (var connection in connections.Keys) Close(connection);
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
                _ = ServeAsync(near);
            }
        }
        catch (Exception problem) when (problem is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private async Task ServeAsync(Socket near)
    {
        var far = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var connection = new Connection(near, far);
        connections[connection] = 0;
        try
        {
            while (cut) await Task.Delay(20, over.Token); // the other end waits for an answer
            await far.ConnectAsync(new UnixDomainSocketEndPoint(socket), over.Token);
            await Task.WhenAny(PumpAsync(near, far), PumpAsync(far, near));
        }
        catch (Exception problem) when (problem is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // One of the two has gone.
        }
        Close(connection);
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[1 << 16];
        while (await from.ReceiveAsync(buffer, over.Token) is > 0 and var count)
        {
            while (cut) await Task.Delay(20, over.Token);
            await to.SendAsync(buffer.AsMemory(0, count), over.Token);
        }
    }

    private void Close(Connection connection)
    {
        connections.TryRemove(connection, out _);
        connection.Near.Dispose();
        connection.Far.Dispose();
    }
}
