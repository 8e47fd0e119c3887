using ConvexWeb.Server.Persistence;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Backups;

/// <summary>Which tables a backup has, and in which order they can be filled.</summary>
internal static class BackupTables
{
    /// <summary>
    /// What is only true where and when it was written: browsers that are signed in, one-time links, which would open once more, tries of
    /// passwords, workers and their figures. And the list of migrations, which the tables of a restoration are made by.
    /// </summary>
    private static readonly string[] LeftOut =
        ["migrations", "sessions", "known_browsers", "invites", "password_tries", "workers", "worker_samples", "idempotency_keys"];

    public sealed record Table
    {
        public string Name { get; init; } = "";

        /// <summary>As they stand in a statement.</summary>
        public string[] Columns { get; init; } = [];

        /// <summary>In bytes, with indexes.</summary>
        public long Size { get; init; }
    }

    public static async Task<IReadOnlyList<Table>> ReadAsync(NpgsqlConnection connection, CancellationToken cancel)
        => (await connection.QueryAsync<Table>(new CommandDefinition(
            """
            select c.relname::text as name, pg_total_relation_size(c.oid) as size, array(
                select quote_ident(a.attname) from pg_attribute a
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum) as columns
            from pg_class c
            where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> all(@LeftOut) order by c.relname
            """, new { LeftOut }, cancellationToken: cancel))).AsList();

    public static async Task<IReadOnlyList<SequenceValue>> SequencesAsync(NpgsqlConnection connection, CancellationToken cancel)
        => (await connection.QueryAsync<SequenceValue>(new CommandDefinition(
            """
            select c.table_name::text as "table", c.column_name::text as "column",
                pg_sequence_last_value(pg_get_serial_sequence(quote_ident(c.table_name), c.column_name)::regclass) as last
            from information_schema.columns c
            where c.table_schema = 'public' and c.is_identity = 'YES' order by 1, 2
            """, cancellationToken: cancel))).AsList();

    private sealed record Reference(string From, string To);

    /// <summary>Each table after those that its rows refer to.</summary>
    public static async Task<IReadOnlyList<TableCopy>> InOrderAsync(
        NpgsqlConnection connection, IReadOnlyList<TableCopy> tables, CancellationToken cancel)
    {
        var references = (await connection.QueryAsync<Reference>(new CommandDefinition(
            """
            select f.relname::text as "from", t.relname::text as "to" from pg_constraint k
            join pg_class f on f.oid = k.conrelid join pg_class t on t.oid = k.confrelid
            where k.contype = 'f' and k.conrelid <> k.confrelid and f.relnamespace = 'public'::regnamespace
            """, cancellationToken: cancel))).ToLookup(reference => reference.From, reference => reference.To);
        var ordered = new List<TableCopy>();
        var left = tables.ToDictionary(table => table.Name);
        while (left.Count > 0)
        {
            var free = left.Values.Where(table => !references[table.Name].Any(left.ContainsKey)).ToList();
            if (free.Count == 0) throw new ClusterException($"The tables {string.Join(", ", left.Keys)} refer to one another in a circle.");
            ordered.AddRange(free);
            foreach (var table in free) left.Remove(table.Name);
        }
        return ordered;
    }
}
