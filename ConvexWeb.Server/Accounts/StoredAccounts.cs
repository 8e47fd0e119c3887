using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;

namespace ConvexWeb.Server.Accounts;

/// <summary>What people do with their own account, and administrators with those of others: here it is decided who may.</summary>
public sealed class StoredAccounts(
    Caller caller, ApiTokens tokens, Sessions sessions, OneTimeLinks links, UserChanges users, PasswordCheck passwords,
    SecondFactors factors, Once once, AuditTrail trail)
    : IAccounts
{
    public const string TooMany = "Too many attempts. Wait a minute and try again.";
    public const string TooManyCodes = "Too many attempts. Wait ten minutes and try again.";

    public Task<IReadOnlyList<TokenView>> TokensAsync(CancellationToken cancel = default) => tokens.ListAsync(caller.Id, cancel);

    public async Task<NewToken> CreateTokenAsync(string name, TokenScope scope, int daysValid, CancellationToken cancel = default)
    {
        await sessions.RequireProofAsync(caller, "make tokens", cancel);
        return await tokens.CreateAsync(caller.Id, caller.Actor, name, scope, daysValid, once, cancel);
    }

    public Task<bool> RevokeTokenAsync(Guid id, CancellationToken cancel = default)
        => tokens.RevokeAsync(caller.Id, caller.Actor, id, cancel);

    public Task<IReadOnlyList<SessionView>> SessionsAsync(CancellationToken cancel = default)
    {
        caller.RequirePerson("see sessions");
        return sessions.ListAsync(caller.Id, caller.Session, cancel);
    }

    public async Task<bool> EndSessionAsync(Guid id, CancellationToken cancel = default)
    {
        caller.RequirePerson("end sessions");
        var ended = await sessions.EndAsync(caller.Id, id, cancel);
        if (ended) await NoteAsync(new(AuditAction.SessionsEnded, caller.Name, "one session"), cancel);
        return ended;
    }

    public async Task EndOtherSessionsAsync(CancellationToken cancel = default)
    {
        caller.RequirePerson("end sessions");
        var ended = await sessions.EndAllAsync(caller.Id, caller.Session, cancel);
        await NoteAsync(new(AuditAction.SessionsEnded, caller.Name, $"all others: {ended}"), cancel);
    }

    public async Task<string?> ProveAsync(string password, string? code = null, CancellationToken cancel = default)
    {
        caller.RequirePerson("prove who you are");
        var session = caller.Session!.Value;
        var (answer, user) = await passwords.AskAsync(caller.Actor, caller.Name, password, $"session {session}", browser: null, cancel);
        if (answer == PasswordAnswer.TooMany) return TooMany;
        if (user is null || user.Id != caller.Id) return "The password is wrong.";
        if ((await factors.StateAsync(user.Id, cancel)).Since is not null)
        {
            if (string.IsNullOrWhiteSpace(code)) return "This account has a second factor: the code of the app is wanted too.";
            var taken = await factors.AskAsync(caller.Actor, user, code, browser: null, cancel);
            if (taken == CodeAnswer.TooMany) return TooManyCodes;
            if (taken == CodeAnswer.Wrong) return "The code is wrong.";
        }
        await sessions.ProveAsync(session, cancel);
        return null;
    }

    public async Task<string> InviteAsync(bool asAdmin = false, CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        caller.RequirePerson("invite people");
        if (asAdmin) await sessions.RequireProofAsync(caller, "make administrators", cancel);
        return await links.MakeAsync(caller.Id, caller.Actor, asAdmin, forUser: null, once, cancel);
    }

    // A link for the password of an administrator gives an administrator's rights to its reader.
    public async Task<string?> PasswordLinkAsync(Guid user, CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        await sessions.RequireProofAsync(caller, "set passwords", cancel);
        return await users.ExistsAsync(user, cancel)
            ? await links.MakeAsync(caller.Id, caller.Actor, isAdmin: false, user, once, cancel)
            : null;
    }

    public Task<IReadOnlyList<LinkView>> LinksAsync(CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        return links.ListAsync(cancel);
    }

    public Task<bool> WithdrawLinkAsync(Guid id, CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        return links.WithdrawAsync(caller.Actor, id, cancel);
    }

    public Task<IReadOnlyList<UserView>> UsersAsync(CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        return users.ListAsync(cancel);
    }

    public async Task<UserView?> ChangeUserAsync(Guid user, UserChange change, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        caller.RequireAdmin();
        await sessions.RequireProofAsync(caller, "change accounts", cancel);
        return await users.ChangeAsync(user, change, caller.Actor, cancel);
    }

    public async Task<bool> DeleteUserAsync(Guid user, CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        await sessions.RequireProofAsync(caller, "delete accounts", cancel);
        return await users.DeleteAsync(user, caller.Actor, cancel);
    }

    private Task NoteAsync(AuditNote note, CancellationToken cancel) => trail.WriteAsync(caller.Actor, note, cancel);
}
