using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;

namespace ConvexWeb.Server.Accounts;

/// <summary>What people do with their own account, and administrators with those of others: here it is decided who may.</summary>
public sealed class StoredAccounts(
    Caller caller, ApiTokens tokens, Sessions sessions, OneTimeLinks links, UserChanges users, Once once)
    : IAccounts
{
    public const string TooMany = "Too many attempts. Wait a minute and try again.";
    public const string TooManyCodes = "Too many attempts. Wait ten minutes and try again.";

    public Task<IReadOnlyList<TokenView>> TokensAsync(CancellationToken cancel = default) => tokens.ListAsync(caller.Id, cancel);

    public Task<NewToken> CreateTokenAsync(string name, TokenScope scope, int daysValid, CancellationToken cancel = default)
        => tokens.CreateAsync(caller.Act("make tokens"), name, scope, daysValid, once, cancel);

    public Task<bool> RevokeTokenAsync(Guid id, CancellationToken cancel = default)
        => tokens.RevokeAsync(caller.Id, caller.Actor, id, cancel);

    public Task<IReadOnlyList<SessionView>> SessionsAsync(CancellationToken cancel = default)
    {
        caller.RequirePerson("see sessions");
        return sessions.ListAsync(caller.Id, caller.Session, cancel);
    }

    public Task<bool> EndSessionAsync(Guid id, CancellationToken cancel = default)
    {
        caller.RequirePerson("end sessions");
        return sessions.EndAsync(caller.Id, caller.Actor, id, cancel);
    }

    public Task EndOtherSessionsAsync(CancellationToken cancel = default)
    {
        caller.RequirePerson("end sessions");
        return sessions.EndOthersAsync(caller.Id, caller.Actor, caller.Session, cancel);
    }

    public Task<string> InviteAsync(bool asAdmin = false, CancellationToken cancel = default) => links.MakeAsync(
        caller.Act("invite people", asAdmin: true, wantsProof: asAdmin), asAdmin, forUser: null, once, cancel);

    // A link for the password of an administrator gives an administrator's rights to its reader.
    public async Task<string?> PasswordLinkAsync(Guid user, CancellationToken cancel = default)
    {
        var act = caller.Act("set passwords", asAdmin: true);
        return await users.ExistsAsync(user, cancel) ? await links.MakeAsync(act, isAdmin: false, user, once, cancel) : null;
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

    public Task<UserView?> ChangeUserAsync(Guid user, UserChange change, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        return users.ChangeAsync(user, change, caller.Act("change accounts", asAdmin: true), cancel);
    }

    public Task<bool> DeleteUserAsync(Guid user, CancellationToken cancel = default)
        => users.DeleteAsync(user, caller.Act("delete accounts", asAdmin: true), cancel);

    public Task<int?> RevokeTokensAsync(Guid user, CancellationToken cancel = default)
        => users.RevokeTokensAsync(user, caller.Act("revoke the tokens of others", asAdmin: true), cancel);
}
