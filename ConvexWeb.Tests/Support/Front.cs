using System.Net;
using System.Net.Sockets;

namespace ConvexWeb.Tests.Support;

/// <summary>
/// The one address that people know of several web nodes, as a proxy in front of them has it: a new connection goes to the first node that
/// takes it.
/// </summary>
public sealed class Front(IReadOnlyList<Uri> nodes) : Forwarder
{
    public Uri Address => new($"http://127.0.0.1:{Port}/");

    protected override async Task<Socket> ConnectAsync(CancellationToken stop)
    {
        foreach (var node in nodes)
        {
            var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await far.ConnectAsync(IPAddress.Loopback, node.Port, stop);
                return far;
            }
            catch (SocketException)
            {
                far.Dispose(); // the next one
            }
        }
        throw new SocketException((int)SocketError.ConnectionRefused);
    }
}
