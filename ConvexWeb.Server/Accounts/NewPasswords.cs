using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using Dapper;
using Microsoft.AspNetCore.Identity;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// A new password and all that follows from it, in one transaction: every session of the account ends, links for another new password are
/// void, and tokens end where that is wished.
/// </summary>
public sealed class NewPasswords(NpgsqlDataSource database, IPasswordHasher<User> hasher, AuditTrail trail, TimeProvider time)
{
    /// <summary>In place of one that was typed before.</summary>
    /// <param name="user">As it was when the old one was compared; has the new one afterwards.</param>
    /// <returns>False: the account has changed since then, and stays as it is.</returns>
    public async Task<bool> ChangeAsync(User user, string password, bool tokens, AuditActor by, CancellationToken cancel)
    {
        var (before, hash) = (user.PasswordHash, hasher.HashPassword(user, password));
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await AccountLocks.OneAsync(connection, user.Id, cancel);
        var isSame = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from users where id = @Id and password_hash = @before and disabled_at is null)",
            new { user.Id, before }, cancellationToken: cancel));
        if (!isSame) return false;
        await SetAsync(connection, user, hash, tokens, cancel);
        var detail = "other sessions ended" + (tokens ? ", tokens too" : "");
        await trail.WriteAsync(connection, by, [new(AuditAction.PasswordChanged, user.UserName!, detail)], cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <summary>In place of one that was forgotten, or that somebody else has learned: tokens end too.</summary>
    /// <param name="connection">With the transaction of what allows it, in which the account was locked before.</param>
    public Task ResetAsync(NpgsqlConnection connection, User user, string password, CancellationToken cancel)
        => SetAsync(connection, user, hasher.HashPassword(user, password), tokens: true, cancel);

    private async Task SetAsync(NpgsqlConnection connection, User user, string hash, bool tokens, CancellationToken cancel)
    {
        await connection.ExecuteAsync(new CommandDefinition(
            $"""
            with changed as (update users set password_hash = @hash, concurrency_stamp = @stamp where id = @Id),
            ended as (delete from sessions where user_id = @Id),
            links as (delete from invites where for_user = @Id and used_at is null),
            revoked as (update api_tokens set revoked_at = @now where user_id = @Id and revoked_at is null and @tokens)
            select pg_notify('{Sessions.EndedChannel}', '')
            """, new { user.Id, hash, stamp = Guid.NewGuid().ToString(), tokens, now = time.GetUtcNow() }, cancellationToken: cancel));
        user.PasswordHash = hash;
    }
}
