using ConvexWeb.Client.Contracts;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Audit;

/// <summary>Reads the audit trail, and says whether it is whole.</summary>
public sealed class AuditReader(NpgsqlDataSource database)
{
    private sealed record Row
    {
        public long Seq { get; init; }
        public DateTimeOffset At { get; init; }
        public string Actor { get; init; } = "";
        public string Door { get; init; } = "";
        public string Network { get; init; } = "";
        public string Action { get; init; } = "";
        public string Subject { get; init; } = "";
        public string Detail { get; init; } = "";
        public byte[] Hash { get; init; } = [];

        public AuditEntry Entry => new(Seq, At, Actor, Door, Network, Action, Subject, Detail);
    }

    private const string Columns = "seq, at, actor, door, network, action, subject, detail, hash";

    public async Task<IReadOnlyList<AuditEntryView>> ListAsync(AuditQuery query, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var rows = await connection.QueryAsync<Row>(new CommandDefinition(
            $"""
            select {Columns} from audit_entries
            where (@Action::text is null or action = @Action) and (@Actor::text is null or lower(actor) = lower(@Actor))
              and (@About::text is null or position(lower(@About) in lower(subject)) > 0)
              and (@Since::timestamptz is null or at >= @Since) and (@Until::timestamptz is null or at < @Until)
              and (@Before::bigint is null or seq < @Before)
            order by seq desc limit @Limit
            """,
            new
            {
                Action = query.Action?.ToString(),
                query.Actor,
                query.About,
                query.Since,
                query.Until,
                query.Before,
                query.Limit,
            }, cancellationToken: cancel));
        return [.. rows.Select(View)];
    }

    /// <summary>
    /// Reads all of it in one snapshot. A cut end is found only with an earlier number and hash that were kept elsewhere.
    /// </summary>
    /// <param name="known">An entry that is known to have been there, and its hash.</param>
    public async Task<AuditCheckView> CheckAsync((long Seq, string Hash)? known, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        var start = await connection.QuerySingleAsync<AuditLink>(
            new CommandDefinition("select seq, hash from audit_start", cancellationToken: cancel));
        var (first, last, hash) = (0L, start.Seq, start.Hash);
        string? cut = null; // what the last entry about a cut says of it
        var met = known is null;
        await foreach (var row in connection.QueryUnbufferedAsync<Row>($"select {Columns} from audit_entries order by seq")
            .WithCancellation(cancel))
        {
            if (Misfit(row, last, hash) is { } problem) return Broken(problem);
            (first, last, hash) = (first == 0 ? row.Seq : first, row.Seq, row.Hash);
            if (row.Action == nameof(AuditAction.TrailCut)) cut = $"{row.Subject}|{row.Detail}";
            if (known?.Seq == row.Seq)
            {
                if (!IsHash(row.Hash, known.Value.Hash))
                    return Broken($"Entry {row.Seq} has another hash than the one that you have kept: what is up to it was rewritten.");
                met = true;
            }
        }
        // A front that is missing must have been taken out by the server, which says so at the end of what it left.
        if (start.Seq > 0 && !(cut?.StartsWith($"up to {start.Seq}|", StringComparison.Ordinal) == true
            && cut.EndsWith(Convert.ToHexStringLower(start.Hash), StringComparison.Ordinal)))
        {
            return Broken($"The trail begins with entry {start.Seq + 1}, and no entry tells that the ones before it were taken out.");
        }
        var whole = new AuditCheckView(first, last, Convert.ToHexStringLower(hash), null);
        if (met) return whole;
        if (known!.Value.Seq > last)
            return Broken($"The trail ends with entry {last}, and you know of entry {known.Value.Seq}: its end was cut off.");
        if (known.Value.Seq < start.Seq)
        {
            return whole with
            {
                Uncompared = $"What you have kept was not compared: entry {known.Value.Seq} has been taken out because of its age. "
                    + "Give a later one.",
            };
        }
        return IsHash(start.Hash, known.Value.Hash) ? whole
            : Broken($"Entry {start.Seq} had another hash than the one that you have kept when it was taken out.");

        static bool IsHash(byte[] hash, string text)
            => string.Equals(Convert.ToHexStringLower(hash), text, StringComparison.OrdinalIgnoreCase);

        AuditCheckView Broken(string problem) => new(first, last, Convert.ToHexStringLower(hash), problem);
    }

    /// <summary>What is wrong with the beginning of the trail, up to an entry that is to be taken out.</summary>
    internal static async Task<string?> ProblemUpToAsync(NpgsqlConnection connection, long seq, CancellationToken cancel)
    {
        var start = await connection.QuerySingleAsync<AuditLink>(
            new CommandDefinition("select seq, hash from audit_start", cancellationToken: cancel));
        var (last, hash) = (start.Seq, start.Hash);
        await foreach (var row in connection
            .QueryUnbufferedAsync<Row>($"select {Columns} from audit_entries where seq <= @seq order by seq", new { seq })
            .WithCancellation(cancel))
        {
            if (Misfit(row, last, hash) is { } problem) return problem;
            (last, hash) = (row.Seq, row.Hash);
        }
        return null;
    }

    /// <param name="last">The entry before it, and its hash.</param>
    private static string? Misfit(Row row, long last, byte[] hash)
        => row.Seq != last + 1 ? $"After entry {last} comes {row.Seq}: what was between is missing."
            : !AuditChain.Hash(hash, row.Entry).AsSpan().SequenceEqual(row.Hash)
                ? $"Entry {row.Seq} does not fit its hash and the one before it: one of the two was changed."
            : null;

    private static AuditEntryView View(Row row) => new(
        row.Seq, row.At, row.Actor, row.Door, row.Network, Enum.Parse<AuditAction>(row.Action), row.Subject, row.Detail,
        Convert.ToHexStringLower(row.Hash));
}
