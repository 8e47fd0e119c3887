using System.Text.Encodings.Web;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Dapper;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary><c>Authorization: Bearer cvx_…</c></summary>
public sealed class TokenHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, NpgsqlDataSource database,
    IOptions<Settings> settings, RefusalNotes refusals)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    /// <summary>Whoever sends the header is judged by it alone: a token that is no good is not made up for by a cookie.</summary>
    public static bool IsIn(HttpRequest request) => request.Headers.Authorization.Count > 0;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) return AuthenticateResult.NoResult();
        var secret = header["Bearer ".Length..].Trim();
        if (!secret.StartsWith(ApiToken.Prefix, StringComparison.Ordinal)) return AuthenticateResult.Fail("Not a token of this server.");

        var found = await FindAsync(secret);
        if (found is null)
        {
            await refusals.NoteTokenAsync(Context);
            return AuthenticateResult.Fail("The token is unknown, revoked or expired, or its owner's account is disabled.");
        }

        var user = Identities.OfToken(
            found.Id, found.Name, found.Scope, Network.Address(Context), found.UserId, found.UserName, found.IsAdmin);
        return AuthenticateResult.Success(new AuthenticationTicket(user, Scheme.Name));
    }

    // The time of use is written at most once a minute: a client that polls must not turn every read into a write.
    private async Task<Found?> FindAsync(string secret)
    {
        await using var connection = await database.OpenConnectionAsync(Context.RequestAborted);
        return await connection.QuerySingleOrDefaultAsync<Found>(new CommandDefinition(
            $"""
            with found as (
                select t.id, t.name, t.scope, t.last_used_at, u.id as user_id, u.user_name, {SecondFactors.IsAdminNow}
                from api_tokens t join users u on u.id = t.user_id
                where t.secret_hash = @hash and t.revoked_at is null and t.expires_at > @now and u.disabled_at is null),
            used as (
                update api_tokens t set last_used_at = @now from found
                where t.id = found.id and (found.last_used_at is null or found.last_used_at < @now - interval '1 minute'))
            select id, name, scope, user_id, user_name, is_admin from found
            """,
            new { hash = Secret.Hash(secret), now = TimeProvider.GetUtcNow(), settings.Value.AdminsNeedSecondFactor },
            cancellationToken: Context.RequestAborted));
    }

    private sealed record Found(Guid Id, string Name, TokenScope Scope, Guid UserId, string UserName, bool IsAdmin);

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "Bearer";
        return base.HandleChallengeAsync(properties);
    }
}
