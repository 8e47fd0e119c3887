using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;

namespace ConvexWeb.Server.Accounts;

/// <summary>What people do with their own account, and administrators with those of others: here it is decided who may.</summary>
public sealed class StoredAccounts(
    Caller caller, ApiTokens tokens, Sessions sessions, OneTimeLinks links, UserChanges users, PersonProof proof, Once once,
    AuditTrail trail)
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
        var (answer, _) = await proof.AskAsync(password, code, $"session {session}", browser: null, cancel);
        switch (answer)
        {
            case ProofAnswer.TooManyPasswords: return TooMany;
            case ProofAnswer.TooManyCodes: return TooManyCodes;
            case ProofAnswer.CodeMissing: return "This account has a second factor: the code of the app is wanted too.";
            case ProofAnswer.CodeWrong: return "The code is wrong.";
            case ProofAnswer.PasswordWrong: return "The password is wrong.";
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
