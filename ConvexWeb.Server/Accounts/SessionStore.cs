using System.Security.Claims;
using Dapper;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>Sessions live in the database, so that signing out ends one on every node, whoever has copied the cookie.</summary>
public sealed class SessionStore(NpgsqlDataSource database, TimeProvider time) : ITicketStore
{
    public const string Claim = "session";

    /// <summary>Unused for this long, a session ends.</summary>
    public static readonly TimeSpan Sliding = TimeSpan.FromHours(12);

    /// <summary>A session ends after this long, used or not.</summary>
    public static readonly TimeSpan Absolute = TimeSpan.FromDays(7);

    public async Task<string> StoreAsync(AuthenticationTicket ticket)
    {
        var secret = Secret.New();
        var now = time.GetUtcNow();
        var id = Secret.Hash(secret);
        var until = ticket.Properties.ExpiresUtc ?? now + Sliding;
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            insert into sessions (id, user_id, ticket, created_at, expires_at) values (@id, @userId, @ticket, @now, @until)
            """,
            new { id, userId = UserId(ticket), ticket = Serialize(ticket, id), now, until });
        return secret;
    }

    public async Task RenewAsync(string key, AuthenticationTicket ticket)
    {
        var id = Secret.Hash(key);
        var until = ticket.Properties.ExpiresUtc ?? time.GetUtcNow() + Sliding;
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            "update sessions set user_id = @userId, ticket = @ticket, expires_at = @until where id = @id",
            new { id, userId = UserId(ticket), ticket = Serialize(ticket, id), until });
    }

    public async Task<AuthenticationTicket?> RetrieveAsync(string key)
    {
        var now = time.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync();
        var stored = await connection.ExecuteScalarAsync<byte[]?>(
            "select ticket from sessions where id = @id and expires_at > @now and created_at > @oldest",
            new { id = Secret.Hash(key), now, oldest = now - Absolute });
        return stored is null ? null : TicketSerializer.Default.Deserialize(stored);
    }

    public async Task RemoveAsync(string key)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("delete from sessions where id = @id", new { id = Secret.Hash(key) });
    }

    /// <summary>Ends every session of a user, on every node, but that of the principal who asks: it is signed in anew at once.</summary>
    public async Task RemoveOthersAsync(Guid user, ClaimsPrincipal keep)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            "delete from sessions where user_id = @user and id <> @kept", new { user, kept = keep.FindFirstValue(Claim) ?? "" });
    }

    /// <summary>
    /// Whether the session or API token behind a principal still holds: for connections that outlive the request that opened them.
    /// </summary>
    public async Task<bool> IsAliveAsync(ClaimsPrincipal user, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        var (session, token) = (user.FindFirstValue(Claim) ?? "", user.FindFirstValue(TokenHandler.Claim) ?? "");
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            """
            select exists (select from sessions where id = @session and expires_at > @now and created_at > @oldest)
                or exists (select from api_tokens where id::text = @token and revoked_at is null
                    and (expires_at is null or expires_at > @now))
            """, new { session, token, now, oldest = now - Absolute }, cancellationToken: cancel));
    }

    private static byte[] Serialize(AuthenticationTicket ticket, string id)
    {
        if (ticket.Principal.Identity is ClaimsIdentity identity)
        {
            foreach (var old in identity.FindAll(Claim).ToList()) identity.RemoveClaim(old);
            identity.AddClaim(new Claim(Claim, id));
        }
        return TicketSerializer.Default.Serialize(ticket);
    }

    private static Guid UserId(AuthenticationTicket ticket) => Guid.Parse(ticket.Principal.FindFirstValue(ClaimTypes.NameIdentifier)!);
}
