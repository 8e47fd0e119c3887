using System.Text.Encodings.Web;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Server.Accounts;

/// <summary>Sign-in by the cookie of a session.</summary>
public sealed class SessionHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, Sessions sessions)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (await sessions.FindAsync(Context, Context.RequestAborted) is not { } session) return AuthenticateResult.NoResult();
        var user = Identities.OfSession(
            session.Id, session.Device, Network.Address(Context), session.UserId, session.UserName, session.IsAdmin);
        return AuthenticateResult.Success(new AuthenticationTicket(user, Scheme.Name));
    }

    /// <summary>A person who opens a page is sent to the sign-in form; a program gets the status.</summary>
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (PagesSetup.IsPage(Request))
            Response.Redirect("/signin" + QueryString.Create("returnUrl", $"{Request.PathBase}{Request.Path}{Request.QueryString}"));
        else
            Response.StatusCode = StatusCodes.Status401Unauthorized;
        return Task.CompletedTask;
    }
}
