using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;

namespace ConvexWeb.Server.Accounts;

public enum EntranceAnswer
{
    Open,
    AsksForCode,

    /// <summary>The account has changed since the password was compared.</summary>
    Closed,
}

/// <summary>
/// The one way from a password that is right to a session: at once, or by way of the code where the account has a second factor.
/// </summary>
public sealed class Entrance(Sessions sessions, SecondFactors factors, HalfSignIn half, CookieNames cookies, AuditTrail trail)
{
    /// <summary>Somebody has typed the password, or set it by a link.</summary>
    /// <param name="user">As it was when the password was compared.</param>
    public async Task<EntranceAnswer> BeginAsync(HttpContext context, User user)
    {
        var cancel = context.RequestAborted;
        if ((await factors.StateAsync(user.Id, cancel)).Since is not null)
        {
            // Also when no code follows: it is the only sign of a password that somebody else has learned.
            await trail.WriteAsync(AuditActor.Stranger(Network.Address(context)), new(AuditAction.CodeAsked, user.UserName!), cancel);
            half.Begin(context, user);
            return EntranceAnswer.AsksForCode;
        }
        return await sessions.BeginAsync(context, user, Factor.None, cancel) ? EntranceAnswer.Open : EntranceAnswer.Closed;
    }

    /// <returns>Null: no password was typed here in the last minutes.</returns>
    public async Task<CodeAnswer?> AskCodeAsync(HttpContext context, string? code)
    {
        if (await half.FindAsync(context) is not { } user) return null;
        var stranger = AuditActor.Stranger(Network.Address(context));
        var answer = await factors.AskAsync(stranger, user, code, cookies.BrowserIn(context.Request), context.RequestAborted);
        if (answer != CodeAnswer.Right) return answer;
        half.End(context);
        return await sessions.BeginAsync(context, user, Factor.Shown, context.RequestAborted) ? answer : null;
    }
}
