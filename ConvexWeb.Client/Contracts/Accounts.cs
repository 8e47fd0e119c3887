namespace ConvexWeb.Client.Contracts;

/// <summary>The signed-in user as pages see it.</summary>
public sealed record UserView(Guid Id, string Name, bool IsAdmin);

/// <summary>A personal API token; the secret itself is shown once, at creation.</summary>
public sealed record TokenView(Guid Id, string Name, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt);

public sealed record NewToken(TokenView Token, string Secret);

public interface IAccounts
{
    Task<IReadOnlyList<TokenView>> TokensAsync(CancellationToken cancel = default);
    Task<NewToken> CreateTokenAsync(string name, int? daysValid, CancellationToken cancel = default);
    Task<bool> RevokeTokenAsync(Guid id, CancellationToken cancel = default);

    /// <summary>Administrators only: a one-time link, valid for a day, with which a colleague makes an account.</summary>
    /// <param name="asAdmin">Whether the colleague becomes an administrator too.</param>
    Task<string> InviteAsync(bool asAdmin = false, CancellationToken cancel = default);

    /// <summary>
    /// Administrators only: a one-time link, valid for a day, with which this user sets a new password. Null when there is no such user.
    /// </summary>
    Task<string?> PasswordLinkAsync(Guid user, CancellationToken cancel = default);
    Task<IReadOnlyList<UserView>> UsersAsync(CancellationToken cancel = default);
}
