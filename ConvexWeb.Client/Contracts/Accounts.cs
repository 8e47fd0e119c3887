namespace ConvexWeb.Client.Contracts;

public static class Roles
{
    public const string Admin = "admin";
}

/// <summary>An account as administrators see it.</summary>
/// <param name="LastSeen">When a session of it was last used; null when none is open.</param>
public sealed record UserView(Guid Id, string Name, bool IsAdmin, bool IsDisabled, DateTimeOffset CreatedAt, DateTimeOffset? LastSeen,
    bool HasSecondFactor);

/// <summary>What is to be another with an account; what is null stays.</summary>
public sealed record UserChange(bool? IsAdmin = null, bool? IsDisabled = null);

/// <summary>How far a token reaches; each of these includes those before it.</summary>
public enum TokenScope
{
    /// <summary>Looks at everything that its owner may look at.</summary>
    Read,

    /// <summary>Submits experiments, and acts on its owner's runs.</summary>
    Submit,

    /// <summary>Whatever its owner may do, but for accounts, which want the password.</summary>
    Manage,
}

/// <summary>A personal API token; the secret itself is shown once, at creation.</summary>
public sealed record TokenView(
    Guid Id, string Name, TokenScope Scope, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset? LastUsedAt);

public sealed record NewToken(TokenView Token, string Secret);

/// <summary>A browser that is signed in.</summary>
/// <param name="Device">Browser and system, in words.</param>
/// <param name="Network">The address of its last use.</param>
/// <param name="IsCurrent">Whether it is the one that asks.</param>
public sealed record SessionView(
    Guid Id, string Device, string Network, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt, bool IsCurrent);

/// <summary>A one-time link that is not used yet. The link itself was shown once, when it was made.</summary>
/// <param name="IsAdmin">Whether it makes an administrator.</param>
/// <param name="ForUser">Whose password it sets; null when it makes an account.</param>
/// <param name="CreatedBy">Null for the link that the server printed.</param>
public sealed record LinkView(
    Guid Id, bool IsAdmin, string? ForUser, string? CreatedBy, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt);

/// <summary>
/// One's own account, and for administrators those of others. What gives somebody rights wants the password, typed in this session in the
/// last minutes: it throws <see cref="PasswordAgainException"/> until it is typed again.
/// </summary>
public interface IAccounts
{
    Task<IReadOnlyList<TokenView>> TokensAsync(CancellationToken cancel = default);
    Task<NewToken> CreateTokenAsync(string name, TokenScope scope, int daysValid, CancellationToken cancel = default);
    Task<bool> RevokeTokenAsync(Guid id, CancellationToken cancel = default);

    /// <summary>Where the caller is signed in, the last used first.</summary>
    Task<IReadOnlyList<SessionView>> SessionsAsync(CancellationToken cancel = default);

    /// <returns>False: there is no such session of the caller.</returns>
    Task<bool> EndSessionAsync(Guid id, CancellationToken cancel = default);

    /// <summary>Signs the caller out everywhere else.</summary>
    Task EndOtherSessionsAsync(CancellationToken cancel = default);

    /// <summary>Administrators only: a one-time link, valid for a day, with which a colleague makes an account.</summary>
    /// <param name="asAdmin">Whether the colleague becomes an administrator too.</param>
    Task<string> InviteAsync(bool asAdmin = false, CancellationToken cancel = default);

    /// <summary>
    /// Administrators only: a one-time link, valid for a day, with which this user sets a new password. Null when there is no such user.
    /// </summary>
    Task<string?> PasswordLinkAsync(Guid user, CancellationToken cancel = default);

    /// <summary>Administrators only: links that can still be used.</summary>
    Task<IReadOnlyList<LinkView>> LinksAsync(CancellationToken cancel = default);

    /// <summary>Administrators only: a link that went to the wrong person opens nothing any more.</summary>
    Task<bool> WithdrawLinkAsync(Guid id, CancellationToken cancel = default);

    Task<IReadOnlyList<UserView>> UsersAsync(CancellationToken cancel = default);

    /// <summary>Administrators only. Every session of the user ends, and what is open in them.</summary>
    /// <returns>The account as it is then; null when there is none.</returns>
    /// <exception cref="InvalidInputException">It would leave the lab without an administrator.</exception>
    Task<UserView?> ChangeUserAsync(Guid user, UserChange change, CancellationToken cancel = default);

    /// <summary>
    /// Administrators only. Password, sessions and tokens go; runs stay, with the name, which nobody else may take.
    /// </summary>
    Task<bool> DeleteUserAsync(Guid user, CancellationToken cancel = default);

    /// <summary>Administrators only: every token of somebody else is revoked, and every session ends; the account stays.</summary>
    /// <returns>How many tokens; null when there is no such account.</returns>
    Task<int?> RevokeTokensAsync(Guid user, CancellationToken cancel = default);
}
