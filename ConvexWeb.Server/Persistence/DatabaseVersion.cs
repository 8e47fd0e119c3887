using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Persistence;

/// <summary>
/// Which version of ConvexWeb a database is served by: nodes with pages write theirs at their start, and workers of another one take
/// nothing, since specs, journals and checkpoints are read on one side as they were written on the other.
/// </summary>
public static class DatabaseVersion
{
    public static async Task WriteAsync(NpgsqlDataSource database, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(
            "update this_database set product_version = @Text where product_version is distinct from @Text",
            new { ProductVersion.Text }, cancellationToken: cancel));
    }

    /// <summary>For a node without pages, before it changes anything in the database.</summary>
    /// <exception cref="StartException">The server's version is another.</exception>
    public static async Task CheckAsync(NpgsqlDataSource database, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);

        // The database may be older than the column, or empty.
        var served = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select to_regclass('this_database') is not null", cancellationToken: cancel));
        if (!served) return;
        var version = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            "select to_jsonb(d) ->> 'product_version' from this_database d", cancellationToken: cancel));
        if (Refusal(version) is { } refusal) throw new StartException(refusal);
    }

    /// <summary>Why this program takes no work from a server of that version; null when it does.</summary>
    public static string? Refusal(string? server) => server is null || server == ProductVersion.Text ? null
        : $"This worker is version {ProductVersion.Text}, and the server of its database is version {server}: they must be the same. "
            + $"Install {server} on {Environment.MachineName} and start the worker again, or start the server with {ProductVersion.Text}.";
}
