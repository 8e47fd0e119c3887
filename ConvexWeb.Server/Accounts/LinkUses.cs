using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using Dapper;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <param name="User">The account that was made or has a new password; null when nothing was done.</param>
/// <param name="Problem">The code of what is wrong, for which the page has words.</param>
/// <param name="IsReset">Whether the link is for a new password.</param>
public sealed record LinkUse(User? User, string? Problem, bool IsReset);

/// <summary>What a one-time link opens: an account, or a new password for one. All of it is one transaction.</summary>
public sealed class LinkUses(
    NpgsqlDataSource source, ConvexDb database, UserManager<User> users, NewPasswords passwords, Names names, AttemptLimits limits,
    AuditTrail trail, TimeProvider time)
{
    private const long Lock = 0x4C696E6B73; // "Links"

    private sealed record Open(Guid Id, bool IsAdmin, Guid? CreatedBy, Guid? ForUser, string? Maker);

    // Of this node at once, and only with links that there are: others wait without a connection in their hands.
    private static readonly SemaphoreSlim Entrants = new(4);

    public async Task<LinkUse> UseAsync(HttpContext context, string? token, string? name, string? password)
    {
        var (cancel, hash) = (context.RequestAborted, Secret.Hash(token ?? ""));
        if (!await ExistsAsync(hash, cancel)) return await RefusedAsync(context, cancel);
        await Entrants.WaitAsync(cancel);
        try
        {
            return await UseAsync(context, hash, await names.NormalizeAsync(name, cancel), password, cancel);
        }
        finally
        {
            Entrants.Release();
        }
    }

    /// <param name="name">In the one form; null when it is none.</param>
    private async Task<LinkUse> UseAsync(HttpContext context, string hash, string? name, string? password, CancellationToken cancel)
    {
        var stranger = AuditActor.Stranger(Network.Address(context));
        await using var transaction = await database.Database.BeginTransactionAsync(cancel);
        var connection = (NpgsqlConnection)database.Database.GetDbConnection();
        // One at a time: a link works once, and of two set-up links only the first makes an administrator.
        await connection.ExecuteAsync(new CommandDefinition($"select pg_advisory_xact_lock({Lock})", cancellationToken: cancel));
        var use = await FindAsync(connection, hash, cancel) switch
        {
            null => new(null, "link", IsReset: false),
            { ForUser: { } owner } link => await SetPasswordAsync(connection, link, owner, password ?? "", stranger, cancel),
            var link => await MakeAccountAsync(connection, link, name, password ?? "", stranger, cancel),
        };
        if (use.User is null) await transaction.RollbackAsync(cancel);
        else await transaction.CommitAsync(cancel);
        if (use.Problem == "link") return await RefusedAsync(context, cancel);
        if (use is { IsReset: true, User: { } user }) await limits.ForgetAsync(user.NormalizedUserName!, CancellationToken.None);
        return use;
    }

    // Only these count: strangers cannot keep the owner of a link from using it.
    private async Task<LinkUse> RefusedAsync(HttpContext context, CancellationToken cancel)
    {
        var stranger = AuditActor.Stranger(Network.Address(context));
        var tries = await limits.TakeLinkAsync(Network.Of(context), cancel);
        if (tries.IsAllowed) await trail.WriteAsync(stranger, new(AuditAction.LinkRefused), cancel);
        else if (tries.IsNews) await trail.WriteAsync(stranger, new(AuditAction.TooManyTries, Detail: "links"), cancel);
        return new(null, tries.IsAllowed ? "link" : "busy", IsReset: false);
    }

    private async Task<bool> ExistsAsync(string hash, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        return await FindAsync(connection, hash, cancel) is not null;
    }

    private async Task<LinkUse> MakeAccountAsync(
        NpgsqlConnection connection, Open link, string? name, string password, AuditActor by, CancellationToken cancel)
    {
        // The link of a start is void once somebody can invite; what an administrator makes is meant.
        if (link is { IsAdmin: true, CreatedBy: null }
            && await users.Users.AnyAsync(user => user.IsAdmin && user.DisabledAt == null, cancel)) return Refused("link");
        if (name is not { } normal) return Refused("name");
        if (Names.IsReserved(normal) || await IsTakenAsync(connection, normal, cancel)) return Refused("name-taken");
        var now = time.GetUtcNow();
        var user = new User { Id = Guid.CreateVersion7(now), UserName = normal, IsAdmin = link.IsAdmin, CreatedAt = now };
        var made = await users.CreateAsync(user, password);
        if (!made.Succeeded) return Refused(Code(made));
        if (!await TakeAsync(connection, link, user.Id, cancel)) return Refused("link");
        var detail = $"{By(link)}{(user.IsAdmin ? ", an administrator" : "")}";
        await trail.WriteAsync(connection, by, [new(AuditAction.AccountMade, normal, detail)], cancel);
        return new(user, null, IsReset: false);

        static LinkUse Refused(string problem) => new(null, problem, IsReset: false);
    }

    private async Task<LinkUse> SetPasswordAsync(
        NpgsqlConnection connection, Open link, Guid owner, string password, AuditActor by, CancellationToken cancel)
    {
        await AccountLocks.OneAsync(connection, owner, cancel);
        var user = await users.Users.AsNoTracking().SingleOrDefaultAsync(one => one.Id == owner && one.DisabledAt == null, cancel);
        if (user is null) return Refused("link");
        if (PasswordRules.Problem(user.UserName!, password) is { } problem) return Refused(problem);
        if (!await TakeAsync(connection, link, owner, cancel)) return Refused("link");
        await passwords.ResetAsync(connection, user, password, cancel);
        var note = new AuditNote(AuditAction.PasswordChanged, user.UserName!, $"{By(link)}; sessions and tokens ended");
        await trail.WriteAsync(connection, by, [note], cancel);
        return new(user, null, IsReset: true);

        static LinkUse Refused(string problem) => new(null, problem, IsReset: problem != "link");
    }

    private async Task<Open?> FindAsync(NpgsqlConnection connection, string hash, CancellationToken cancel)
        => await connection.QuerySingleOrDefaultAsync<Open>(new CommandDefinition(
            """
            select i.id, i.is_admin, i.created_by, i.for_user, u.user_name as maker
            from invites i left join users u on u.id = i.created_by
            where i.secret_hash = @hash and i.used_at is null and i.expires_at > @now
            """, new { hash, now = time.GetUtcNow() }, cancellationToken: cancel));

    // Accounts of earlier versions may have a name in another form.
    private Task<bool> IsTakenAsync(NpgsqlConnection connection, string name, CancellationToken cancel)
        => connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from users where normalize(normalized_user_name, NFKC) = @name)",
            new { name = users.NormalizeName(name) }, cancellationToken: cancel));

    // It may have been withdrawn since it was found.
    private async Task<bool> TakeAsync(NpgsqlConnection connection, Open link, Guid user, CancellationToken cancel)
        => await connection.ExecuteAsync(new CommandDefinition(
            "update invites set used_at = @now, used_by = @user where id = @Id and used_at is null",
            new { link.Id, user, now = time.GetUtcNow() }, cancellationToken: cancel)) == 1;

    private static string By(Open link) => link.Maker is null ? "by the link that the server printed" : $"by a link of {link.Maker}";

    private static string Code(IdentityResult result) => result.Errors.First().Code switch
    {
        nameof(IdentityErrorDescriber.DuplicateUserName) => "name-taken",
        nameof(IdentityErrorDescriber.InvalidUserName) => "name",
        nameof(IdentityErrorDescriber.PasswordTooShort) => "password-short",
        var code when code.StartsWith("password-", StringComparison.Ordinal) => code,
        _ => "password-common",
    };
}
