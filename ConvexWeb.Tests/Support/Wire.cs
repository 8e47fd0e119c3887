using System.Net.Sockets;
using Npgsql;

namespace ConvexWeb.Tests.Support;

/// <summary>
/// A network between a node and a PostgreSQL on a Unix socket, which can be cut: nothing passes any more, in either direction, and neither
/// end hears a word of it, as when a cable is pulled. What was under way when it was cut is lost.
/// </summary>
public sealed class Wire : Forwarder
{
    private readonly string socket;
    private volatile bool cut;

    private Wire(string socket) => this.socket = socket;

    /// <param name="connectionString">Of a database on a Unix socket; the wire's own is <see cref="ConnectionString"/>.</param>
    public static Wire To(string connectionString)
    {
        var address = new NpgsqlConnectionStringBuilder(connectionString);
        var wire = new Wire(Path.Combine(address.Host!, ".s.PGSQL.5432"));
        address.Host = "127.0.0.1";
        address.Port = wire.Port;
        address.SslMode = SslMode.Disable;
        wire.ConnectionString = address.ConnectionString;
        return wire;
    }

    public string ConnectionString { get; private set; } = "";

    public void Cut() => cut = true;

    /// <summary>All passes again, also what was sent meanwhile.</summary>
    public void Heal() => cut = false;

    protected override async Task<Socket> ConnectAsync(CancellationToken stop)
    {
        await PassAsync(stop); // the other end waits for an answer
        var far = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await far.ConnectAsync(new UnixDomainSocketEndPoint(socket), stop);
            return far;
        }
        catch
        {
            far.Dispose();
            throw;
        }
    }

    protected override async Task PassAsync(CancellationToken stop)
    {
        while (cut) await Task.Delay(20, stop);
    }
}
