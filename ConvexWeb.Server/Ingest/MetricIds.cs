using System.Collections.Concurrent;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Ingest;

/// <summary>Numbers of metric names; a name that was never seen gets one. They never change, so they are kept.</summary>
public sealed class MetricIds(NpgsqlDataSource database)
{
    private readonly ConcurrentDictionary<string, short> known = new(StringComparer.Ordinal);

    private sealed record Metric(string Name, short Id);

    public short this[string name] => known[name];

    /// <summary>In a transaction of its own: two workers that bring the same new name must not wait for each other's points.</summary>
    public async Task LearnAsync(IEnumerable<string> names, CancellationToken cancel)
    {
        var unknown = names.Where(name => !known.ContainsKey(name)).Distinct().ToArray();
        if (unknown.Length == 0) return;
        await using var connection = await database.OpenConnectionAsync(cancel);

        // Asked first, because even an insert that does nothing takes a number, and there are only 32,767 of them.
        await ExecuteAsync("select name, id from metrics where name = any(@unknown)");
        unknown = [.. unknown.Where(name => !known.ContainsKey(name))];
        if (unknown.Length == 0) return;
        await ExecuteAsync(
            """
            insert into metrics (name) select name from unnest(@unknown) as name order by name
            on conflict (name) do update set name = excluded.name returning name, id
            """);

        async Task ExecuteAsync(string sql)
        {
            foreach (var metric in await connection.QueryAsync<Metric>(new(sql, new { unknown }, cancellationToken: cancel)))
                known[metric.Name] = metric.Id;
        }
    }
}
