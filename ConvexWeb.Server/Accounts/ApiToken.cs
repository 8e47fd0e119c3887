using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Accounts;

/// <summary>A personal API token. It acts for its owner until it expires or is revoked.</summary>
public sealed class ApiToken
{
    public const string Prefix = "cvx_";

    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public required string Name { get; init; }
    public required string SecretHash { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset ExpiresAt { get; init; }
    public TokenScope Scope { get; init; }
    public DateTimeOffset? LastUsedAt { get; init; }
    public DateTimeOffset? RevokedAt { get; private set; }
}
