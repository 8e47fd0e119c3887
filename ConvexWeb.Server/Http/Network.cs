using System.Net;
using System.Net.Sockets;

namespace ConvexWeb.Server.Http;

/// <summary>Where a request comes from.</summary>
public static class Network
{
    private const int Ipv6Prefix = 64;

    /// <summary>The address, as people write it.</summary>
    public static string Address(HttpContext context) => Plain(context.Connection.RemoteIpAddress)?.ToString() ?? "local";

    /// <summary>
    /// The network to count by: an address of IPv4, and of IPv6 its /64, of which one customer has all addresses.
    /// </summary>
    public static string Of(HttpContext context) => Of(context.Connection.RemoteIpAddress);

    public static string Of(IPAddress? from)
    {
        if (Plain(from) is not { } address) return "local";
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address.ToString();
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(Ipv6Prefix / 8).Clear();
        return $"{new IPAddress(bytes)}/{Ipv6Prefix}";
    }

    private static IPAddress? Plain(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
}
