using System.Security.Claims;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Http;

/// <summary>Who a request is of, as claims: an account, and the session or the token by which it came.</summary>
public static class Identities
{
    public const string SessionScheme = "Session";
    public const string TokenScheme = "Token";

    private const string Session = "session";
    private const string Token = "token";
    private const string Scope = "scope";
    private const string Door = "door";
    private const string Address = "address";

    /// <param name="device">The browser, in words.</param>
    /// <param name="address">Where the request comes from.</param>
    public static ClaimsPrincipal OfSession(Guid session, string device, string address, Guid userId, string name, bool isAdmin)
        => Of(
            SessionScheme, userId, name, isAdmin, new Claim(Session, session.ToString()), new Claim(Door, device),
            new Claim(Address, address));

    /// <remarks>An administrator's token has an administrator's rights only when its scope is all that he may.</remarks>
    public static ClaimsPrincipal OfToken(
        Guid token, string tokenName, TokenScope scope, string address, Guid userId, string name, bool isAdmin) => Of(
            TokenScheme, userId, name, isAdmin && scope == TokenScope.Manage, new Claim(Token, token.ToString()),
            new Claim(Door, $"token {tokenName}"), new Claim(Scope, scope.ToString()), new Claim(Address, address));

    /// <summary>The browser or token by which somebody came, in words.</summary>
    public static string DoorIn(ClaimsPrincipal user) => user.FindFirstValue(Door) ?? "";

    /// <summary>The address that somebody came from.</summary>
    public static string AddressOf(ClaimsPrincipal user) => user.FindFirstValue(Address) ?? "";

    /// <summary>The session by which somebody came; null for a token.</summary>
    public static Guid? SessionOf(ClaimsPrincipal user) => IdOf(user, Session);

    /// <summary>The session or the token by which somebody came.</summary>
    public static Guid? DoorOf(ClaimsPrincipal user) => IdOf(user, Session) ?? IdOf(user, Token);

    public static bool IsToken(ClaimsPrincipal user) => user.HasClaim(claim => claim.Type == Token);

    /// <summary>How far somebody may go: as far as the token that he came by, and with a password all the way.</summary>
    public static TokenScope ScopeOf(ClaimsPrincipal user)
        => Enum.TryParse<TokenScope>(user.FindFirstValue(Scope), out var scope) ? scope : TokenScope.Manage;

    private static Guid? IdOf(ClaimsPrincipal user, string claim) => Guid.TryParse(user.FindFirstValue(claim), out var id) ? id : null;

    private static ClaimsPrincipal Of(string scheme, Guid userId, string name, bool isAdmin, params Claim[] door)
    {
        var identity = new ClaimsIdentity(door, scheme, ClaimTypes.Name, ClaimTypes.Role);
        identity.AddClaim(new Claim(ClaimTypes.NameIdentifier, userId.ToString()));
        identity.AddClaim(new Claim(ClaimTypes.Name, name));
        if (isAdmin) identity.AddClaim(new Claim(ClaimTypes.Role, Roles.Admin));
        return new ClaimsPrincipal(identity);
    }
}
