using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>Personal API tokens: made, listed, revoked.</summary>
public sealed class ApiTokens(NpgsqlDataSource database, Sessions sessions, AuditTrail trail, TimeProvider time)
{
    private const int MostTokens = 50;
    private const int LongestName = 100;
    private const int MostDays = 366;

    private const string Columns = "id, name, scope, created_at, expires_at, last_used_at";

    public async Task<IReadOnlyList<TokenView>> ListAsync(Guid owner, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var tokens = await connection.QueryAsync<TokenView>(new CommandDefinition(
            $"select {Columns} from api_tokens where user_id = @owner and revoked_at is null order by created_at desc, id",
            new { owner }, cancellationToken: cancel));
        return tokens.AsList();
    }

    /// <exception cref="InvalidInputException">All that is wrong with it.</exception>
    public async Task<NewToken> CreateAsync(
        Act act, string name, TokenScope scope, int daysValid, Once once, CancellationToken cancel)
    {
        var problems = Problems(name, daysValid).ToList();
        if (problems.Count > 0) throw new InvalidInputException(problems);
        var (secret, now) = (Secret.New(ApiToken.Prefix), time.GetUtcNow());
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await sessions.RequireAsync(connection, act, cancel); // one at a time, so that the count below is true
        await once.FindAsync<NewToken>(connection, cancel); // never told again: it holds the secret
        var made = await connection.QuerySingleOrDefaultAsync<TokenView>(new CommandDefinition(
            $"""
            insert into api_tokens (id, user_id, name, scope, secret_hash, created_at, expires_at)
            select @id, @owner, @name, @scope, @hash, @now, @until
            where (select count(*) from api_tokens where user_id = @owner and revoked_at is null) < @most
            returning {Columns}
            """,
            new
            {
                owner = act.User,
                id = Guid.CreateVersion7(now),
                name = name.Trim(),
                scope = scope.ToString(),
                hash = Secret.Hash(secret),
                now,
                until = now.AddDays(daysValid),
                most = MostTokens,
            }, cancellationToken: cancel));
        if (made is null) throw new InvalidInputException("", $"You have {MostTokens} tokens already; revoke one first.");
        await trail.WriteAsync(
            connection, act.By, [new(AuditAction.TokenMade, made.Name, $"{scope}, until {made.ExpiresAt.UtcDateTime:yyyy-MM-dd}")], cancel);
        await transaction.CommitAsync(cancel);
        return new NewToken(made, secret);
    }

    public async Task<bool> RevokeAsync(Guid owner, AuditActor by, Guid id, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var name = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            $"""
            with revoked as (
                update api_tokens set revoked_at = @now where id = @id and user_id = @owner and revoked_at is null returning name)
            select name from revoked, pg_notify('{Sessions.EndedChannel}', '')
            """, new { id, owner, now = time.GetUtcNow() }, cancellationToken: cancel));
        if (name is null) return false;
        await trail.WriteAsync(connection, by, [new(AuditAction.TokenRevoked, name)], cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    private static IEnumerable<FieldProblem> Problems(string name, int daysValid)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Length > LongestName)
            yield return new("name", $"name must be 1 to {LongestName} characters long.");
        if (Text.Problem("name", name) is { } unfit) yield return unfit;
        if (daysValid is < 1 or > MostDays) yield return new("daysValid", $"daysValid is {daysValid}; allowed are 1 to {MostDays}.");
    }
}
