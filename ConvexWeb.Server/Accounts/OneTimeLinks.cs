using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>Invitations and links for a new password, until they are used, withdrawn or over.</summary>
public sealed class OneTimeLinks(
    NpgsqlDataSource database, PublicAddress address, Sessions sessions, AuditTrail trail, TimeProvider time)
{
    /// <returns>The link, which is nowhere else.</returns>
    public async Task<string> MakeAsync(Act act, bool isAdmin, Guid? forUser, Once once, CancellationToken cancel)
    {
        var (invite, secret) = Invite.New(time.GetUtcNow(), act.User, isAdmin, forUser);
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await sessions.RequireAsync(connection, act, cancel);
        await once.FindAsync<string>(connection, cancel); // never told again: it is a secret
        var subject = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            """
            insert into invites (id, secret_hash, is_admin, created_by, for_user, created_at, expires_at)
            values (@Id, @SecretHash, @IsAdmin, @CreatedBy, @ForUser, @CreatedAt, @ExpiresAt)
            returning (select user_name from users where id = for_user)
            """, invite, cancellationToken: cancel));
        await trail.WriteAsync(connection, act.By, [new(AuditAction.LinkMade, subject ?? "", Words(isAdmin, subject))], cancel);
        await transaction.CommitAsync(cancel);
        return $"{address.Base}welcome?token={secret}{(forUser is null ? "" : "&reset=true")}";
    }

    public async Task<IReadOnlyList<LinkView>> ListAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var open = await connection.QueryAsync<LinkView>(new CommandDefinition(
            """
            select i.id, i.is_admin, u.user_name as for_user, c.user_name as created_by, i.created_at, i.expires_at
            from invites i left join users u on u.id = i.for_user left join users c on c.id = i.created_by
            where i.used_at is null and i.expires_at > @now order by i.created_at desc, i.id
            """, new { now = time.GetUtcNow() }, cancellationToken: cancel));
        return open.AsList();
    }

    public async Task<bool> WithdrawAsync(AuditActor by, Guid id, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var link = await connection.QuerySingleOrDefaultAsync<Withdrawn>(new CommandDefinition(
            """
            delete from invites where id = @id and used_at is null
            returning is_admin, (select user_name from users where users.id = for_user) as for_user
            """, new { id }, cancellationToken: cancel));
        if (link is null) return false;
        await trail.WriteAsync(
            connection, by, [new(AuditAction.LinkWithdrawn, link.ForUser ?? "", Words(link.IsAdmin, link.ForUser))], cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    private static string Words(bool isAdmin, string? forUser)
        => forUser is not null ? "for a new password" : isAdmin ? "for a new administrator" : "for a new colleague";

    private sealed record Withdrawn(bool IsAdmin, string? ForUser);
}
