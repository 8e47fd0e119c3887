using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// The entities of Accounts. Runs and points are read and written with plain SQL: their statements are the design (fencing, sequence
/// numbers, effective points) and belong where one can see them. The schema is that of the migrations; nothing is generated from here.
/// </summary>
public sealed partial class ConvexDb(DbContextOptions<ConvexDb> options) : IdentityUserContext<User, Guid>(options)
{
    public DbSet<ApiToken> ApiTokens => Set<ApiToken>();
    public DbSet<Invite> Invites => Set<Invite>();

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);

        // Identity's lock-out lets a stranger lock anybody; AttemptLimits stands in its place.
        builder.Entity<User>().Ignore(user => user.LockoutEnd).Ignore(user => user.LockoutEnabled).Ignore(user => user.AccessFailedCount);
        builder.Entity<ApiToken>().Property(token => token.Scope).HasConversion<string>();
        foreach (var entity in builder.Model.GetEntityTypes())
        {
            entity.SetTableName(TableOf(entity.ClrType.Name, entity.GetTableName()!));
            foreach (var property in entity.GetProperties()) property.SetColumnName(Snake(property.Name));
        }
    }

    private static string TableOf(string type, string table) => type switch
    {
        nameof(User) => "users",
        _ when table.StartsWith("AspNet", StringComparison.Ordinal) => Snake(table["AspNet".Length..]),
        _ => Snake(table),
    };

    private static string Snake(string name) => WordStart().Replace(name, "_$0").ToLowerInvariant();

    [GeneratedRegex("(?<=[a-z0-9])[A-Z]")]
    private static partial Regex WordStart();
}
