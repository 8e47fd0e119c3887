using System.Net.Sockets;

namespace ConvexWeb.Tests.Support;

/// <summary>A line to a server that counts what comes over it: all of it, as it is on the wire.</summary>
public sealed class CountedLine(Uri server) : Forwarder
{
    private long bytes;

    /// <summary>The server's address over this line.</summary>
    public Uri Address => new($"http://127.0.0.1:{Port}/");

    public long Bytes => Interlocked.Read(ref bytes);

    protected override void Came(int bytes) => Interlocked.Add(ref this.bytes, bytes);

    protected override async Task<Socket> ConnectAsync(CancellationToken stop)
    {
        var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await far.ConnectAsync(server.Host, server.Port, stop);
            return far;
        }
        catch
        {
            far.Dispose();
            throw;
        }
    }
}
