using Microsoft.AspNetCore.Identity;

namespace ConvexWeb.Server.Accounts;

public sealed class User : IdentityUser<Guid>
{
    /// <summary>Names under which the product itself makes studies and certificates: an account of that name would own them.</summary>
    public static readonly IReadOnlySet<string> ReservedNames =
        new HashSet<string>(["automatic", "demo"], StringComparer.OrdinalIgnoreCase);

    public bool IsAdmin { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
}
