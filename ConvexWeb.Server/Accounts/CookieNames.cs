using ConvexWeb.Server.Persistence;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// The names of our cookies. A browser keeps cookies by host and not by port: two instances on one host would sign each other out, so each
/// name ends with the first figures of the database's id, which all nodes of one lab share.
/// </summary>
public sealed class CookieNames(Database database, IOptions<Settings> settings)
{
    public string Session => Name("convex");
    public string Form => Name("convex-form");
    public string Browser => Name("convex-browser");
    public string Half => Name("convex-half");

    // The prefix makes browsers refuse such a cookie from anywhere but this host over TLS; plain http (loopback) cannot have it.
    private string Name(string name) => $"{(settings.Value.IsHttps ? "__Host-" : "")}{name}-{database.Id.ToString("N")[..8]}";

    /// <summary>The hash of the cookie by which a browser is known; null when it has none.</summary>
    public string? BrowserIn(HttpRequest request) => request.Cookies[Browser] is { Length: > 0 } secret ? Secret.Hash(secret) : null;

    /// <summary>What all of them have in common.</summary>
    public CookieOptions Options(HttpContext context, TimeSpan life) => new()
    {
        Path = "/",
        HttpOnly = true,
        Secure = settings.Value.IsHttps || context.Request.IsHttps,
        SameSite = SameSiteMode.Lax,
        MaxAge = life,
        IsEssential = true,
    };
}
