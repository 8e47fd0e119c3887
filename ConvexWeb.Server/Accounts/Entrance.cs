using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// The one way from a password that is right to a session: at once, or by way of the code where the account has a second factor.
/// </summary>
public sealed class Entrance(Sessions sessions, SecondFactors factors, HalfSignIn half, CookieNames cookies)
{
    /// <summary>Somebody has typed the password, or set it by a link.</summary>
    /// <returns>Whether that was enough; else the code is to be asked for.</returns>
    public async Task<bool> BeginAsync(HttpContext context, User user)
    {
        if ((await factors.StateAsync(user.Id, context.RequestAborted)).Since is not null)
        {
            half.Begin(context, user);
            return false;
        }
        await sessions.BeginAsync(context, user, context.RequestAborted);
        return true;
    }

    /// <returns>Null: nobody has typed a password here in the last minutes.</returns>
    public async Task<CodeAnswer?> AskCodeAsync(HttpContext context, string? code)
    {
        if (await half.FindAsync(context) is not { } user) return null;
        var stranger = AuditActor.Stranger(Network.Address(context));
        var answer = await factors.AskAsync(stranger, user, code, cookies.BrowserIn(context.Request), context.RequestAborted);
        if (answer != CodeAnswer.Right) return answer;
        half.End(context);
        await sessions.BeginAsync(context, user, context.RequestAborted);
        return answer;
    }
}
