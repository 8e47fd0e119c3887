using System.Text.Json;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Http;

/// <summary>
/// Whether a request was made before, by its <c>Idempotency-Key</c>: a script that had no answer sends it again, and nothing is made twice.
/// What makes something asks in its own transaction; without a key, as from a page, there is nothing to ask.
/// </summary>
public sealed class Once
{
    private (Guid User, string Key, string Request)? sent;

    /// <param name="key">Its hash.</param>
    /// <param name="request">The hash of all that was asked.</param>
    public void Use(Guid user, string key, string request) => sent = (user, key, request);

    /// <summary>To be asked first in the transaction, which holds the key until its end.</summary>
    /// <returns>What the same request has made before; null: nothing.</returns>
    /// <exception cref="RefusedException">The key was another request's, or what it made was a secret.</exception>
    public async Task<T?> FindAsync<T>(NpgsqlConnection connection, CancellationToken cancel) where T : class
    {
        if (sent is not var (user, key, request)) return null;
        var taken = await connection.ExecuteAsync(new CommandDefinition(
            """
            insert into idempotency_keys (user_id, key_hash, request_hash) values (@user, @key, @request)
            on conflict (user_id, key_hash) do nothing
            """, new { user, key, request }, cancellationToken: cancel));
        if (taken == 1) return null;
        var (asked, made) = await connection.QuerySingleAsync<(string, string?)>(new CommandDefinition(
            "select request_hash, made::text from idempotency_keys where user_id = @user and key_hash = @key", new { user, key },
            cancellationToken: cancel));
        if (asked != request)
        {
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity,
                $"This {IdempotencyKey.Header} was sent with another request before: take a new one for each request.");
        }
        return made is not null ? JsonSerializer.Deserialize<T>(made, JsonSerializerOptions.Web) : throw new RefusedException(
            StatusCodes.Status409Conflict,
            "This was made by an earlier request with the same key, and its secret was in that answer only. "
            + "If the answer was lost, delete it and make another, with a new key.");
    }

    /// <summary>Last in the transaction.</summary>
    public async Task RememberAsync<T>(NpgsqlConnection connection, T made, CancellationToken cancel) where T : class
    {
        if (sent is not var (user, key, _)) return;
        await connection.ExecuteAsync(new CommandDefinition(
            "update idempotency_keys set made = @made::jsonb where user_id = @user and key_hash = @key",
            new { user, key, made = JsonSerializer.Serialize(made, JsonSerializerOptions.Web) }, cancellationToken: cancel));
    }
}
