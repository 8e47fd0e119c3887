using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// The address that people use, with which every link that is handed out begins: what the settings say, or where we listen. Never what a
/// request says of itself, which its sender writes.
/// </summary>
public sealed class PublicAddress(IServer server, IOptions<Settings> settings, IConfiguration configuration)
{
    /// <summary>It ends with a slash.</summary>
    public string Base => settings.Value.PublicUrl is { } known
        ? known.TrimEnd('/') + "/"
        : Openable(
            server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault() ?? settings.Value.ListenUrl,
            configuration["AllowedHosts"]);

    /// <summary>
    /// Nobody can open the address that means "wherever I can be reached"; a host that is allowed by name is one that people use.
    /// </summary>
    public static string Openable(string listening, string? allowedHosts)
    {
        var address = new UriBuilder(listening);
        if (address.Host is "0.0.0.0" or "[::]")
        {
            address.Host = (allowedHosts ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Where(host => !host.Contains('*', StringComparison.Ordinal))
                .FirstOrDefault(host => host is not ("127.0.0.1" or "[::1]" or "localhost")) ?? "localhost";
        }
        return address.Uri.ToString();
    }
}
