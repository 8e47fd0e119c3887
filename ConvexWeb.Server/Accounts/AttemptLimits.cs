using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// How often a password may be tried. Each try is counted before its password is looked at, in one statement, so that no number of
/// connections or nodes makes more tries than this allows. Nothing here knows whether a name exists.
/// <list type="bullet">
/// <item>A browser in which the account has been signed in before has a count of its own: strangers cannot slow it down.</item>
/// <item>All others count by name and network, and by name alone with more room, against many networks at once.</item>
/// <item>And every network counts by itself, whatever the names.</item>
/// </list>
/// A count falls with time; no account is locked for good.
/// </summary>
public sealed class AttemptLimits(NpgsqlDataSource database, IOptions<Settings> settings)
{
    private static readonly Limit OneBrowser = new(8, PerMinute: 1);
    private static readonly Limit OneNameFromOneNetwork = new(8, PerMinute: 1);
    private static readonly Limit OneName = new(60, PerMinute: 2);
    private static readonly Limit Code = new(8, PerMinute: 0.1);

    /// <summary>Counts a try of a name's password.</summary>
    /// <param name="name">As it was typed; it need not be anybody's.</param>
    /// <param name="browser">The hash of the browser's cookie; null when it has none.</param>
    /// <returns>Whether the password may be looked at now.</returns>
    public async Task<bool> TakeAsync(string name, string network, string? browser, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await TakeAsync(connection, await CountsAsync(connection, name, network, browser, cancel), cancel);
    }

    /// <summary>The password was right: who knows it does not guess, and may sign in as often as he likes.</summary>
    public async Task GiveBackAsync(string name, string network, string? browser, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var counts = await CountsAsync(connection, name, network, browser, cancel);
        // Not the network's: each sign-in is work, however right the password.
        await connection.ExecuteAsync(new CommandDefinition(
            """
            update password_tries set used = greatest(0, used - 1)
            where key in (select key from password_tries where key = any(@keys) order by key for update)
            """, new { keys = counts.Select(count => count.Key).Except([OfNetwork(network).Key]).ToArray() }, cancellationToken: cancel));
    }

    private async Task<(string Key, Limit Limit)[]> CountsAsync(
        NpgsqlConnection connection, string name, string network, string? browser, CancellationToken cancel)
    {
        var who = Secret.Hash(name); // names are not to be read here: a password may have been typed into their field
        var known = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            """
            select exists (select from known_browsers b join users u on u.id = b.user_id
                where b.secret_hash = @browser and u.normalized_user_name = @name)
            """, new { browser, name }, cancellationToken: cancel));
        return known
            ? [($"browser {browser} {who}", OneBrowser), OfNetwork(network)]
            : [($"name {who} {network}", OneNameFromOneNetwork), ($"name {who}", OneName), OfNetwork(network)];
    }

    /// <summary>
    /// Counts a try of a second factor's code, which only who knows the password can make: in a month of guessing without a pause, one of
    /// a hundred accounts is entered. A browser in which the account has been signed in before has a count of its own.
    /// </summary>
    /// <param name="browser">The hash of the browser's cookie; null when it has none.</param>
    public async Task<bool> TakeCodeAsync(Guid user, string? browser, CancellationToken cancel)
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

    /// <summary>Counts a try that is about no name, such as one of a link.</summary>
    public async Task<bool> TakeAsync(string network, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await TakeAsync(connection, [OfNetwork(network)], cancel);
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

    private (string Key, Limit Limit) OfNetwork(string network)
        => ($"network {network}", new(settings.Value.Limits.SignInsPerMinute, settings.Value.Limits.SignInsPerMinute));

    // A key that is full is not written and so not returned. Locks are taken in the order of the keys, as by everybody.
    private async Task<bool> TakeAsync(NpgsqlConnection connection, (string Key, Limit Limit)[] counts, CancellationToken cancel)
    {
        // By the database's clock: those of nodes differ.
        const string fallen = "greatest(0, extract(epoch from clock_timestamp() - a.at)) / 60 * (@perMinute)[array_position(@keys, a.key)]";
        // All of them or none: who is refused by one count does not fill another, which is shared with others.
        await using var transaction = await connection.BeginTransactionAsync(cancel);
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
        if (counted.Count() < counts.Length) return false;
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <param name="Most">So many at once.</param>
    /// <param name="PerMinute">So fast the count falls.</param>
    private sealed record Limit(int Most, double PerMinute);
}
