using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>What administrators do with the accounts of others. Each change is one transaction with all that follows from it.</summary>
public sealed class UserChanges(NpgsqlDataSource database, Sessions sessions, AuditTrail trail, TimeProvider time)
{
    private const string Columns =
        """
        u.id, u.user_name as name, u.is_admin, u.disabled_at is not null as is_disabled, u.created_at,
        (select max(s.last_used_at) from sessions s where s.user_id = u.id) as last_seen,
        """ + SecondFactors.IsOn + " as has_second_factor";

    public async Task<IReadOnlyList<UserView>> ListAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var users = await connection.QueryAsync<UserView>(new CommandDefinition(
            $"select {Columns} from users u where u.deleted_at is null order by u.user_name", cancellationToken: cancel));
        return users.AsList();
    }

    public async Task<bool> ExistsAsync(Guid id, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from users where id = @id and deleted_at is null)", new { id }, cancellationToken: cancel));
    }

    /// <summary>Whether the account is an administrator's, whatever it may do for now.</summary>
    public async Task<bool> IsAdminAsync(Guid id, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select is_admin from users where id = @id", new { id }, cancellationToken: cancel));
    }

    /// <summary>The user's sessions end, and what an administrator handed out who is none any more.</summary>
    public Task<UserView?> ChangeAsync(Guid id, UserChange change, Act act, CancellationToken cancel)
    {
        if (change is { IsAdmin: null, IsDisabled: null })
            throw new InvalidInputException("", "Say what is to change: isAdmin or isDisabled.");
        return ChangeAsync(
            id,
            """
            update users set
                is_admin = coalesce(@IsAdmin, is_admin),
                disabled_at = case @IsDisabled when true then coalesce(disabled_at, @now) when false then null else disabled_at end
            where id = @id and deleted_at is null
            """, change, act, Notes(change), cancel);
    }

    /// <summary>Only the name stays, which the runs bear.</summary>
    public async Task<bool> DeleteAsync(Guid id, Act act, CancellationToken cancel) => await ChangeAsync(
        id,
        """
        with tokens as (delete from api_tokens where user_id = @id),
        browsers as (delete from known_browsers where user_id = @id),
        factor as (delete from second_factors where user_id = @id),
        codes as (delete from recovery_codes where user_id = @id),
        links as (delete from invites where for_user = @id)
        update users set is_admin = false, disabled_at = coalesce(disabled_at, @now), deleted_at = @now, password_hash = null,
            email = null, normalized_email = null
        where id = @id and deleted_at is null
        """, new(IsAdmin: false, IsDisabled: true), act, [new(AuditAction.AccountDeleted)], cancel) is not null;

    /// <summary>Ends what a user has handed to scripts, and where he is signed in; the account stays as it is.</summary>
    /// <returns>How many tokens were revoked; null when there is no such account.</returns>
    public async Task<int?> RevokeTokensAsync(Guid id, Act act, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await AccountLocks.AdminsAsync(connection, cancel);
        await sessions.RequireAsync(connection, act, cancel);
        await AccountLocks.OneAsync(connection, id, cancel);
        var name = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            "select user_name from users where id = @id and deleted_at is null", new { id }, cancellationToken: cancel));
        if (name is null) return null;
        var (revoked, _) = await connection.QuerySingleAsync<(int, string)>(new CommandDefinition(
            $"""
            with revoked as (update api_tokens set revoked_at = @now where user_id = @id and revoked_at is null returning id),
            ended as (delete from sessions where user_id = @id and id <> @Session)
            select (select count(*)::int from revoked), pg_notify('{Sessions.EndedChannel}', '')::text
            """, new { id, now = time.GetUtcNow(), act.Session }, cancellationToken: cancel));
        await trail.WriteAsync(
            connection, act.By, [new(AuditAction.TokenRevoked, name, $"all tokens: {revoked}; sessions ended")], cancel);
        await transaction.CommitAsync(cancel);
        return revoked;
    }

    private static List<AuditNote> Notes(UserChange change)
    {
        var notes = new List<AuditNote>();
        if (change.IsAdmin is { } isAdmin)
            notes.Add(new(AuditAction.RoleChanged, Detail: isAdmin ? "an administrator now" : "no administrator any more"));
        if (change.IsDisabled is { } isDisabled) notes.Add(new(isDisabled ? AuditAction.AccountDisabled : AuditAction.AccountEnabled));
        return notes;
    }

    private async Task<UserView?> ChangeAsync(
        Guid id, string statement, UserChange change, Act act, IReadOnlyList<AuditNote> notes, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);

        await AccountLocks.AdminsAsync(connection, cancel);
        await sessions.RequireAsync(connection, act, cancel);
        var parameters = new { id, change.IsAdmin, change.IsDisabled, now = time.GetUtcNow() };
        if (await connection.ExecuteAsync(new CommandDefinition(statement, parameters, transaction, cancellationToken: cancel)) == 0)
            return null;
        var left = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from users where is_admin and disabled_at is null)", transaction: transaction,
            cancellationToken: cancel));
        if (!left)
        {
            throw new InvalidInputException(
                "", "This is the last administrator who can sign in: make somebody else an administrator first.");
        }
        await connection.ExecuteAsync(new CommandDefinition(
            $"""
            with ended as (delete from sessions where user_id = @id),
            links as (
                delete from invites i using users u
                where u.id = @id and i.used_at is null
                    and (i.created_by = u.id and not (u.is_admin and u.disabled_at is null)
                        or i.for_user = u.id and u.disabled_at is not null))
            select pg_notify('{Sessions.EndedChannel}', '')
            """, parameters, transaction, cancellationToken: cancel));
        var user = await connection.QuerySingleAsync<UserView>(new CommandDefinition(
            $"select {Columns} from users u where u.id = @id", parameters, transaction, cancellationToken: cancel));
        await trail.WriteAsync(connection, act.By, [.. notes.Select(note => note with { Subject = user.Name })], cancel);
        await transaction.CommitAsync(cancel);
        return user;
    }
}
