using System.Security.Claims;
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
        await using var command = database.CreateCommand(
            """
            with gone as (delete from sessions where expires_at < $4 or created_at < $6)
            insert into sessions (id, user_id, ticket, created_at, expires_at) values ($1, $2, $3, $4, $5)
            """);
        var hash = Secret.Hash(secret);
        var until = ticket.Properties.ExpiresUtc ?? now + Sliding;
        Add(command, hash, UserId(ticket), Serialize(ticket, hash), now, until, now - Absolute);
        await command.ExecuteNonQueryAsync();
        return secret;
    }

    public async Task RenewAsync(string key, AuthenticationTicket ticket)
    {
        await using var command = database.CreateCommand("update sessions set user_id = $2, ticket = $3, expires_at = $4 where id = $1");
        var hash = Secret.Hash(key);
        Add(command, hash, UserId(ticket), Serialize(ticket, hash), ticket.Properties.ExpiresUtc ?? time.GetUtcNow() + Sliding);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<AuthenticationTicket?> RetrieveAsync(string key)
    {
        await using var command = database.CreateCommand(
            "select ticket from sessions where id = $1 and expires_at > $2 and created_at > $3");
        Add(command, Secret.Hash(key), time.GetUtcNow(), time.GetUtcNow() - Absolute);
        return await command.ExecuteScalarAsync() is byte[] stored ? TicketSerializer.Default.Deserialize(stored) : null;
    }

    public async Task RemoveAsync(string key)
    {
        await using var command = database.CreateCommand("delete from sessions where id = $1");
        Add(command, Secret.Hash(key));
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Ends every session of a user, on every node, but that of the principal who asks: it is signed in anew at once.</summary>
    public async Task RemoveOthersAsync(Guid user, ClaimsPrincipal keep)
    {
        await using var command = database.CreateCommand("delete from sessions where user_id = $1 and id <> $2");
        Add(command, user, keep.FindFirstValue(Claim) ?? "");
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>
    /// Whether the session or API token behind a principal still holds: for connections that outlive the request that opened them.
    /// </summary>
    public async Task<bool> IsAliveAsync(ClaimsPrincipal user, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        await using var command = database.CreateCommand(
            """
            select exists (select from sessions where id = $1 and expires_at > $3 and created_at > $4)
                or exists (select from api_tokens where id::text = $2 and revoked_at is null and (expires_at is null or expires_at > $3))
            """);
        Add(command, user.FindFirstValue(Claim) ?? "", user.FindFirstValue(TokenHandler.Claim) ?? "", now, now - Absolute);
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
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

    private static void Add(NpgsqlCommand command, params object[] values)
    {
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
    }
}
