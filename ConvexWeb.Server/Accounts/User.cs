using Microsoft.AspNetCore.Identity;

namespace ConvexWeb.Server.Accounts;

public sealed class User : IdentityUser<Guid>
{
    public bool IsAdmin { get; set; }
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Since when the account opens nothing; null while it does.</summary>
    public DateTimeOffset? DisabledAt { get; set; }

    /// <summary>Since when only its name is left, which its runs bear and nobody else may take.</summary>
    public DateTimeOffset? DeletedAt { get; set; }
}
