using System.Security.Cryptography;
using System.Text;
using Dapper;
using Hangfire.PostgreSql;
using Npgsql;

namespace ConvexWeb.Server.Persistence;

/// <summary>One numbered .sql file of this assembly.</summary>
public sealed record Migration(int Number, string Name, string Sql)
{
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sql)));

    public static IReadOnlyList<Migration> Embedded { get; } = [.. Read().OrderBy(migration => migration.Number)];

    private static IEnumerable<Migration> Read()
    {
        var assembly = typeof(Migration).Assembly;
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.EndsWith(".sql", StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            var name = resource.Split('.')[^2];
            yield return new Migration(int.Parse(name.Split('_')[0]), name, reader.ReadToEnd().ReplaceLineEndings("\n"));
        }
    }
}

/// <summary>
/// Brings a database to this program's schema. Any number of nodes may start at once: an advisory lock lets one work while the others wait.
/// Each migration commits alone, with its record, so one that fails leaves the database at the number before.
/// </summary>
public sealed class Migrator(NpgsqlDataSource source, IReadOnlyList<Migration> migrations)
{
    /// <summary>Where Hangfire keeps its tables.</summary>
    public const string TicketSchema = "hangfire";

    private const long Lock = 0x436F6E766578; // "Convex"

    public Migrator(NpgsqlDataSource source) : this(source, Migration.Embedded)
    {
    }

    /// <summary>What tells one history of a schema from another that came to the same number.</summary>
    public static string HashUpTo(int number)
    {
        var hashes = Migration.Embedded.Where(migration => migration.Number <= number).Select(migration => migration.Hash);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(hashes))));
    }

    /// <returns>How many migrations were applied.</returns>
    public async Task<int> ApplyAsync(CancellationToken cancel = default)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await ExecuteAsync($"select pg_advisory_lock({Lock})");
        try
        {
            await ExecuteAsync(
                """
                create table if not exists migrations (
                    number int primary key, name text not null, hash text not null, applied_at timestamptz not null default now())
                """);
            var stored = await StoredAsync(connection, cancel);
            Check(stored);

            var pending = migrations.Where(migration => !stored.ContainsKey(migration.Number)).ToList();
            foreach (var migration in pending)
            {
                await using var transaction = await connection.BeginTransactionAsync(cancel);
                await ExecuteAsync(migration.Sql);
                await using (var record = new NpgsqlCommand(
                    "insert into migrations (number, name, hash) values ($1, $2, $3)", connection, transaction))
                {
                    record.Parameters.Add(new() { Value = migration.Number });
                    record.Parameters.Add(new() { Value = migration.Name });
                    record.Parameters.Add(new() { Value = migration.Hash });
                    await record.ExecuteNonQueryAsync(cancel);
                }
                await transaction.CommitAsync(cancel);
            }
            // Hangfire's tables, by its own installer: it has no lock of its own, and eight nodes that start at once would fail.
            PostgreSqlObjectsInstaller.Install(connection, TicketSchema);
            return pending.Count;
        }
        finally
        {
            await ExecuteAsync($"select pg_advisory_unlock({Lock})");
        }

        async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancel);
        }
    }

    /// <summary>Changes nothing: for what only reads a database, of this schema or an older one.</summary>
    /// <returns>The number of the last migration that was applied.</returns>
    /// <exception cref="ClusterException">There are no tables, or newer ones.</exception>
    public async Task<int> CheckAsync(CancellationToken cancel = default)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        if (!await connection.ExecuteScalarAsync<bool>("select to_regclass('migrations') is not null"))
            throw new ClusterException("There is no lab in this database.");
        var stored = await StoredAsync(connection, cancel);
        Check(stored);
        return stored.Count == 0 ? throw new ClusterException("There is no lab in this database.") : stored.Keys.Max();
    }

    private void Check(Dictionary<int, Applied> stored)
    {
        var newest = migrations.Count == 0 ? 0 : migrations[^1].Number;
        if (stored.Keys.Any(number => number > newest))
        {
            throw new ClusterException(
                $"The database has schema {stored.Keys.Max()} and this program knows only {newest}. "
                + "Start a newer ConvexWeb, or restore a backup that fits.");
        }
        foreach (var migration in migrations)
        {
            if (stored.TryGetValue(migration.Number, out var record) && record.Hash != migration.Hash)
            {
                throw new ClusterException(
                    $"Migration {migration.Name} was applied in another form than this program has it. "
                    + "Start the program that made this database.");
            }
        }
    }

    private sealed record Applied(int Number, string Hash);

    private static async Task<Dictionary<int, Applied>> StoredAsync(NpgsqlConnection connection, CancellationToken cancel)
        => (await connection.QueryAsync<Applied>(new CommandDefinition("select number, hash from migrations", cancellationToken: cancel)))
            .ToDictionary(record => record.Number);
}
