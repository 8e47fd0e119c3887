using Microsoft.AspNetCore.Identity;

namespace ConvexWeb.Server.Accounts;

public sealed class User : IdentityUser<Guid>
{
    public bool IsAdmin { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
}
