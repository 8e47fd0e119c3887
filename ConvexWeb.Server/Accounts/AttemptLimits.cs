using System.Net;
using System.Net.Sockets;
using ConvexWeb.Server.Persistence;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>Where a try comes from.</summary>
/// <param name="Network">The address, of IPv6 the network.</param>
/// <param name="Browser">The hash of the browser's cookie; null when it has none.</param>
/// <param name="Session">Of somebody who is signed in and is asked again; null for others.</param>
public readonly record struct TryOrigin(string Network, string? Browser, Guid? Session = null);

/// <param name="IsAllowed">Whether the password, code or link may be looked at now.</param>
/// <param name="IsNews">It may not, and the audit trail was not told so of this count in the last ten minutes.</param>
public readonly record struct Try(bool IsAllowed, bool IsNews);

/// <summary>
/// How often a password may be tried. Each try is counted before its password is looked at, in one statement, so that no number of
/// connections or nodes makes more tries than this allows. Nothing here knows whether a name exists.
/// <list type="bullet">
/// <item>A browser in which the account has been signed in before, and a session that is asked again, have a count of their own, and one
/// of the account's work: strangers fill neither, not even from the same network.</item>
/// <item>All others count by name and network, by name and site (the /48 of IPv6, of which a provider gives one to a customer), by name
/// alone with more room, against many networks at once, and by network, whatever the names. An owner with a browser that is new may have
/// to wait while strangers guess.</item>
/// </list>
/// A count falls with time; no account is locked for good.
/// </summary>
public sealed class AttemptLimits(NpgsqlDataSource database, IOptions<Settings> settings)
{
    private const string WorkPrefix = "work ";

    private static readonly Limit OneBrowser = new(8, PerMinute: 1);
    private static readonly Limit OneNameFromOneNetwork = new(8, PerMinute: 1);
    private static readonly Limit OneNameFromOneSite = new(16, PerMinute: 1);
    private static readonly Limit OneName = new(60, PerMinute: 2);
    private static readonly Limit Code = new(8, PerMinute: 0.1);

    /// <summary>Counts a try of a name's password.</summary>
    /// <param name="name">As it was typed; it need not be anybody's.</param>
    public async Task<Try> TakeAsync(string name, TryOrigin from, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await TakeAsync(connection, await CountsAsync(connection, name, from, cancel), cancel);
    }

    /// <summary>The password was right: who knows it does not guess, and may sign in as often as he likes.</summary>
    public async Task GiveBackAsync(string name, TryOrigin from, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var counts = await CountsAsync(connection, name, from, cancel);
        // Not those of work: each comparison is some, however right the password.
        var keys = counts.Select(count => count.Key).Where(key => !key.StartsWith(WorkPrefix, StringComparison.Ordinal)).ToArray();
        await connection.ExecuteAsync(new CommandDefinition(
            """
            update password_tries set used = greatest(0, used - 1)
            where key in (select key from password_tries where key = any(@keys) order by key for update)
            """, new { keys }, cancellationToken: cancel));
    }

    private async Task<(string Key, Limit Limit)[]> CountsAsync(
        NpgsqlConnection connection, string name, TryOrigin from, CancellationToken cancel)
    {
        var who = Secret.Hash(name); // names are not to be read here: a password may have been typed into their field
        // Whatever its browsers and sessions, an account has so much work for this server and no more. Only its owner fills that.
        var owners = Work($"owner {who}");
        if (from.Session is { } session) return [($"session {session}", OneBrowser), owners];
        var known = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            """
            select exists (select from known_browsers b join users u on u.id = b.user_id
                where b.secret_hash = @Browser and u.normalized_user_name = @name)
            """, new { from.Browser, name }, cancellationToken: cancel));
        return known
            ? [($"browser {from.Browser} {who}", OneBrowser), owners]
            : [
                ($"name {who} {from.Network}", OneNameFromOneNetwork),
                .. Site(from.Network) is { } site ? [($"name {who} site {site}", OneNameFromOneSite)] : Array.Empty<(string, Limit)>(),
                ($"name {who}", OneName), OfNetwork(from.Network),
            ];
    }

    // The first 48 of the 64 bits that an IPv6 network has here.
    private static string? Site(string network)
        => IPAddress.TryParse(network.Split('/')[0], out var address) && address.AddressFamily == AddressFamily.InterNetworkV6
            ? Convert.ToHexStringLower(address.GetAddressBytes().AsSpan(0, 6)) : null;

    /// <summary>
    /// Counts a try of a second factor's code, which only who knows the password can make: in a month of guessing without a pause, one of
    /// a hundred accounts is entered. A browser in which the account has been signed in before has a count of its own.
    /// </summary>
    /// <param name="browser">The hash of the browser's cookie; null when it has none.</param>
    public async Task<Try> TakeCodeAsync(Guid user, string? browser, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await TakeAsync(connection, [(await CodeKeyAsync(connection, user, browser, cancel), Code)], cancel);
    }

    /// <summary>A code was right: those that were mistyped there before count no more.</summary>
    public async Task ForgetCodesAsync(Guid user, string? browser, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(
            "delete from password_tries where key = @key", new { key = await CodeKeyAsync(connection, user, browser, cancel) },
            cancellationToken: cancel));
    }

    private static async Task<string> CodeKeyAsync(NpgsqlConnection connection, Guid user, string? browser, CancellationToken cancel)
    {
        var known = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from known_browsers where secret_hash = @browser and user_id = @user)", new { browser, user },
            cancellationToken: cancel));
        return known ? $"code {user} {browser}" : $"code {user}";
    }

    /// <summary>Counts a link that was no good.</summary>
    public async Task<Try> TakeLinkAsync(string network, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await TakeAsync(connection, [Work($"links {network}")], cancel);
    }

    /// <summary>The name has another password, and guesses at the old one count no more.</summary>
    public async Task ForgetAsync(string name, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(
            """
            delete from password_tries where key in (
                select key from password_tries where key = @key or starts_with(key, @key || ' ') order by key for update)
            """, new { key = $"name {Secret.Hash(name)}" }, cancellationToken: cancel));
    }

    private (string Key, Limit Limit) OfNetwork(string network) => Work($"network {network}");

    /// <param name="whose">Only who has it fills it.</param>
    private (string Key, Limit Limit) Work(string whose)
        => ($"{WorkPrefix}{whose}", new(settings.Value.Limits.SignInsPerMinute, settings.Value.Limits.SignInsPerMinute));

    // A key that is full is not written and so not returned. Locks are taken in the order of the keys, as by everybody.
    private static async Task<Try> TakeAsync(NpgsqlConnection connection, (string Key, Limit Limit)[] counts, CancellationToken cancel)
    {
        // By the database's clock: those of nodes differ.
        const string fallen = "greatest(0, extract(epoch from clock_timestamp() - a.at)) / 60 * (@perMinute)[array_position(@keys, a.key)]";
        // All of them or none: who is refused by one count does not fill another, which is shared with others.
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(Transactions.Short, cancellationToken: cancel));
        var counted = await connection.QueryAsync<string>(new CommandDefinition(
            $"""
            insert into password_tries as a (key, used, at)
            select key, 1, clock_timestamp() from unnest(@keys, @most, @perMinute) as wanted (key, most, per_minute) order by key
            on conflict (key) do update set used = greatest(0, a.used - {fallen}) + 1, at = greatest(a.at, clock_timestamp())
            where greatest(0, a.used - {fallen}) + 1 <= (@most)[array_position(@keys, a.key)]
            returning key
            """,
            new
            {
                keys = counts.Select(count => count.Key).ToArray(),
                most = counts.Select(count => (double)count.Limit.Most).ToArray(),
                perMinute = counts.Select(count => count.Limit.PerMinute).ToArray(),
            }, cancellationToken: cancel));
        var taken = counted.AsList();
        if (taken.Count == counts.Length)
        {
            await transaction.CommitAsync(cancel);
            return new(IsAllowed: true, IsNews: false);
        }
        await transaction.RollbackAsync(cancel);
        var full = counts.Select(count => count.Key).Except(taken).ToArray();
        var told = await connection.ExecuteAsync(new CommandDefinition(
            """
            update password_tries set told_at = clock_timestamp() where key in (
                select key from password_tries
                where key = any(@full) and (told_at is null or told_at < clock_timestamp() - interval '10 minutes')
                order by key for update skip locked)
            """, new { full }, cancellationToken: cancel));
        return new(IsAllowed: false, IsNews: told > 0);
    }

    /// <param name="Most">So many at once.</param>
    /// <param name="PerMinute">So fast the count falls.</param>
    private sealed record Limit(int Most, double PerMinute);
}
