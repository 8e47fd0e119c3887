namespace ConvexWeb.Server.Accounts;

/// <summary>A one-time link with which somebody makes an account, or sets a new password for the one he has.</summary>
public sealed class Invite
{
    public static readonly TimeSpan Life = TimeSpan.FromDays(1);

    public Guid Id { get; init; }
    public required string SecretHash { get; init; }
    public bool IsAdmin { get; init; }
    public Guid? CreatedBy { get; init; }

    /// <summary>Whose password it sets; null for a new account.</summary>
    public Guid? ForUser { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset ExpiresAt { get; init; }
    public DateTimeOffset? UsedAt { get; init; }
    public Guid? UsedBy { get; init; }

    public static (Invite Invite, string Secret) New(DateTimeOffset now, Guid? createdBy, bool isAdmin, Guid? forUser = null)
    {
        var secret = Secret.New();
        return (new Invite
        {
            Id = Guid.CreateVersion7(now),
            SecretHash = Secret.Hash(secret),
            IsAdmin = isAdmin,
            CreatedBy = createdBy,
            ForUser = forUser,
            CreatedAt = now,
            ExpiresAt = now + Life,
        }, secret);
    }
}
