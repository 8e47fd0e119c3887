using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// Signed-in browsers. A cookie holds a random secret, this table its hash and nothing of its owner: whose it is, and what he may, is read
/// from his account each time. A sign-in always makes a new session and ends the one that the browser brought, so that a cookie which
/// somebody has copied, or put there, never becomes another person's.
/// </summary>
public sealed class Sessions(
    NpgsqlDataSource database, CookieNames cookies, AuditTrail trail, IOptions<Settings> settings, TimeProvider time,
    ILogger<Sessions> log)
{
    // Seconds that a sign-in waits for the end of the session that the browser had before.
    private const int OldSessionTimeout = 5;

    /// <summary>What PostgreSQL notifies when sessions or tokens end; every node looks at once at what is open there.</summary>
    public const string EndedChannel = "convex_sessions_ended";

    /// <summary>Unused for this long, a session ends.</summary>
    public static readonly TimeSpan Sliding = TimeSpan.FromHours(12);

    /// <summary>A session ends after this long, used or not.</summary>
    public static readonly TimeSpan Absolute = TimeSpan.FromDays(7);

    /// <summary>For so long after the password was typed, what needs it again does not ask for it.</summary>
    public static readonly TimeSpan Proof = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan BrowserKnown = TimeSpan.FromDays(400); // browsers keep none for longer

    /// <summary>
    /// Signs somebody in: in a new session, whatever this browser had before. What was compared with the password is compared once more
    /// here, so that no sign-in that is under way outlives a change of the password, a disabling or a second factor.
    /// </summary>
    /// <param name="user">As it was when the password was compared.</param>
    /// <param name="factor">Whether a code of the second factor was shown.</param>
    /// <returns>Whether the account is still so.</returns>
    public async Task<bool> BeginAsync(HttpContext context, User user, Factor factor, CancellationToken cancel)
    {
        var (device, network) = (Device.Of(context.Request.Headers.UserAgent), Network.Address(context));
        var (secret, now) = (Secret.New(), time.GetUtcNow());
        var browser = context.Request.Cookies[cookies.Browser] is { Length: > 0 and <= 200 } known ? known : Secret.New();
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // The row is locked in a statement of its own: the next one sees what its last holder has committed.
        await connection.ExecuteAsync(new CommandDefinition(
            "select from users where id = @Id for share", new { user.Id }, cancellationToken: cancel));
        var begun = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            $"""
            with account as (
                select u.id from users u where u.id = @userId and u.password_hash = @password and u.disabled_at is null
                    and (@shown or not {SecondFactors.IsOn})),
            known as (
                insert into known_browsers (secret_hash, user_id, last_used_at) select @browser, id, @now from account
                on conflict (secret_hash, user_id) do update set last_used_at = @now),
            begun as (
                insert into sessions (id, user_id, secret_hash, device, network, created_at, last_used_at, expires_at, proved_at)
                select @id, account.id, @hash, @device, @network, @now, @now, @until, @now from account returning id)
            select exists (select from begun)
            """,
            new
            {
                id = Guid.CreateVersion7(now),
                userId = user.Id,
                password = user.PasswordHash,
                shown = factor == Factor.Shown,
                hash = Secret.Hash(secret),
                browser = Secret.Hash(browser),
                device,
                network,
                now,
                until = now + Sliding,
            }, cancellationToken: cancel));
        if (!begun) return false;
        await trail.WriteAsync(connection, new(user.UserName!, device, network), [new(AuditAction.SignedIn)], cancel);
        await transaction.CommitAsync(cancel);
        context.Response.Cookies.Append(cookies.Session, secret, cookies.Options(context, Absolute));
        context.Response.Cookies.Append(cookies.Browser, browser, cookies.Options(context, BrowserKnown));
        await EndOldAsync(connection, Secret.Hash(SecretOf(context.Request) ?? ""), user);
        return true;
    }

    // By itself, with no account locked: others lock an account first and its sessions then. The new session is there and its cookie on
    // the way, so a database that fails now leaves the old one to its own end.
    private async Task EndOldAsync(NpgsqlConnection connection, string secretHash, User user)
    {
        try
        {
            await connection.ExecuteAsync(new CommandDefinition(
                $"""
                with ended as (delete from sessions where secret_hash = @secretHash returning id)
                select pg_notify('{EndedChannel}', '') from ended
                """, new { secretHash }, commandTimeout: OldSessionTimeout, cancellationToken: CancellationToken.None));
        }
        catch (NpgsqlException problem)
        {
            log.LogWarning("The session that {User} had before could not be ended: {Problem}", user.UserName, problem.Message);
        }
    }

    /// <summary>Signs out.</summary>
    public async Task EndAsync(HttpContext context, AuditActor by, CancellationToken cancel)
    {
        var hash = Secret.Hash(SecretOf(context.Request) ?? "");
        await EndAsync("secret_hash = @hash", new { hash }, by, _ => new(AuditAction.SignedOut), cancel);
        context.Response.Cookies.Append(cookies.Session, "", cookies.Options(context, TimeSpan.Zero));
    }

    /// <summary>Ends one session of a user.</summary>
    /// <returns>Whether it was there.</returns>
    public async Task<bool> EndAsync(Guid userId, AuditActor by, Guid id, CancellationToken cancel) => await EndAsync(
        "user_id = @userId and id = @id", new { userId, id }, by, _ => new(AuditAction.SessionsEnded, by.Name, "one session"), cancel) > 0;

    /// <summary>Ends every session of a user, on every node, but one.</summary>
    public Task EndOthersAsync(Guid userId, AuditActor by, Guid? keep, CancellationToken cancel) => EndAsync(
        "user_id = @userId and id is distinct from @keep", new { userId, keep }, by,
        ended => new(AuditAction.SessionsEnded, by.Name, $"all others: {ended}"), cancel);

    /// <summary>Whose the session of a request is; null when there is none. Its time of use is written at most once a minute.</summary>
    public async Task<OpenSession?> FindAsync(HttpContext context, CancellationToken cancel)
    {
        if (SecretOf(context.Request) is not { } secret) return null;
        var now = time.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.QuerySingleOrDefaultAsync<OpenSession>(new CommandDefinition(
            $"""
            with found as (
                select s.id, s.device, s.last_used_at, u.id as user_id, u.user_name, {SecondFactors.IsAdminNow}
                from sessions s join users u on u.id = s.user_id
                where s.secret_hash = @hash and s.expires_at > @now and s.created_at > @oldest and u.disabled_at is null),
            used as (
                update sessions s set last_used_at = @now, expires_at = @until, network = @network from found
                where s.id = found.id and found.last_used_at < @now - interval '1 minute')
            select id, device, user_id, user_name, is_admin from found
            """,
            new
            {
                hash = Secret.Hash(secret),
                now,
                oldest = now - Absolute,
                until = now + Sliding,
                network = Network.Address(context),
                settings.Value.AdminsNeedSecondFactor,
            }, cancellationToken: cancel));
    }

    public async Task<IReadOnlyList<SessionView>> ListAsync(Guid userId, Guid? current, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(cancel);
        var found = await connection.QueryAsync<SessionView>(new CommandDefinition(
            """
            select id, device, network, created_at, last_used_at, id is not distinct from @current as is_current
            from sessions where user_id = @userId and expires_at > @now and created_at > @oldest order by last_used_at desc, id
            """, new { userId, current, now, oldest = now - Absolute }, cancellationToken: cancel));
        return found.AsList();
    }

    private sealed record Standing(bool IsAdmin, bool IsProved);

    /// <summary>
    /// In the transaction of an act, and first in it: throws unless its session is still there, with the rights that it takes. A new
    /// password, a disabling or another role waits for the act's end and then finds what it made; or was there before, and is seen here.
    /// </summary>
    /// <exception cref="AccessDeniedException">The session has ended, or the account is no administrator's any more.</exception>
    /// <exception cref="PasswordAgainException">The password was not typed a short time ago.</exception>
    public async Task RequireAsync(NpgsqlConnection connection, Act act, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        var standing = await connection.QuerySingleOrDefaultAsync<Standing>(new CommandDefinition(
            $"""
            select {SecondFactors.IsAdminNow}, coalesce(s.proved_at > @since, false) as is_proved
            from users u join sessions s on s.user_id = u.id
            where u.id = @User and u.disabled_at is null and s.id = @Session and s.expires_at > @now and s.created_at > @oldest
            for no key update of u for key share of s
            """,
            new { act.User, act.Session, since = now - Proof, now, oldest = now - Absolute, settings.Value.AdminsNeedSecondFactor },
            cancellationToken: cancel));
        if (standing is null) throw new AccessDeniedException("Your session has ended. Sign in again.");
        if (act.AsAdmin && !standing.IsAdmin) throw new AccessDeniedException("Only administrators may do this.");
        if (act.WantsProof && !standing.IsProved) throw new PasswordAgainException();
    }

    /// <summary>
    /// The password was typed once more. The session goes on under another secret and another id, so that a copy of its cookie, and a page
    /// that was opened with one, have nothing of that.
    /// </summary>
    /// <returns>False: it has ended meanwhile.</returns>
    public async Task<bool> ProveAsync(HttpContext context, Guid session, CancellationToken cancel)
    {
        var (secret, now) = (Secret.New(), time.GetUtcNow());
        await using var connection = await database.OpenConnectionAsync(cancel);
        var proved = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            $"""
            with proved as (
                update sessions set id = @id, secret_hash = @hash, proved_at = @now where id = @session returning id)
            select exists (select from proved) from (select pg_notify('{EndedChannel}', '')) told
            """, new { session, id = Guid.CreateVersion7(now), hash = Secret.Hash(secret), now }, cancellationToken: cancel));
        if (proved) context.Response.Cookies.Append(cookies.Session, secret, cookies.Options(context, Absolute));
        return proved;
    }

    /// <summary>Which of these sessions and tokens still hold: for connections that outlive the request that opened them.</summary>
    public async Task<IReadOnlySet<Guid>> AliveAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(cancel);
        var alive = await connection.QueryAsync<Guid>(new CommandDefinition(
            """
            select s.id from sessions s join users u on u.id = s.user_id
            where s.id = any(@ids) and s.expires_at > @now and s.created_at > @oldest and u.disabled_at is null
            union all
            select t.id from api_tokens t join users u on u.id = t.user_id
            where t.id = any(@ids) and t.revoked_at is null and t.expires_at > @now and u.disabled_at is null
            """, new { ids = ids.ToArray(), now, oldest = now - Absolute }, cancellationToken: cancel));
        return alive.ToHashSet();
    }

    private async Task<int> EndAsync(
        string which, object parameters, AuditActor by, Func<int, AuditNote> note, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var ended = await connection.ExecuteScalarAsync<int>(new CommandDefinition(
            $"""
            with ended as (delete from sessions where {which} returning id)
            select count(*)::int from ended, pg_notify('{EndedChannel}', '')
            """, parameters, cancellationToken: cancel));
        if (ended == 0) return 0;
        await trail.WriteAsync(connection, by, [note(ended)], cancel);
        await transaction.CommitAsync(cancel);
        return ended;
    }

    private string? SecretOf(HttpRequest request) => request.Cookies[cookies.Session] is { Length: > 0 } secret ? secret : null;
}

/// <summary>Whether somebody has shown the second factor too.</summary>
public enum Factor
{
    None,

    /// <summary>A code, or the account has no second factor that it would be of.</summary>
    Shown,
}

/// <summary>A session that holds, and the account that it is of, as that is now.</summary>
public sealed record OpenSession(Guid Id, string Device, Guid UserId, string UserName, bool IsAdmin);
