using Npgsql;

namespace ConvexWeb.Server.Ingest;

/// <summary>
/// How points get into chunks. Few of them join the run's tail, a row that is small enough to be replaced in its page; with as many as fill
/// it, tail and new points become a chunk. So chunks are written once, and small batches leave nothing behind that a vacuum must find.
/// </summary>
internal static class ChunkStore
{
    /// <summary>Of a chunk.</summary>
    public const int MostPoints = 2048;

    // Some versions of a row have to fit into a page: an old one keeps its place until every transaction has ended that might look at it.
    private const int TailBytes = 1500;
    private const int ReportBytes = 24;
    private const int PointBytes = 12;

    private const string Columns = "run_id, last_seq, attempt, steps, epochs, ats, events, metrics, \"values\"";

    /// <summary>What a run's tail holds.</summary>
    internal readonly record struct Tail(int Attempt, int Reports, int Points);

    /// <param name="lastSeq">The run's newest number before these points.</param>
    /// <param name="close">Whether nothing more is expected: then no tail remains.</param>
    public static IEnumerable<NpgsqlBatchCommand> Store(long runId, int attempt, long lastSeq, PointChunk points, Tail tail, bool close)
    {
        // A chunk is of one attempt.
        var waits = tail.Points > 0;
        if (waits && (points.Count == 0 ? close : tail.Attempt != attempt))
        {
            yield return Command($"insert into point_chunks ({Columns}) select {Columns} from point_tails where run_id = $1", runId);
            waits = false;
        }

        for (var from = 0; from < points.Count;)
        {
            var (reports, before) = waits ? (tail.Reports, tail.Points) : (0, 0);
            var part = points.Part(from, Math.Min(MostPoints - before, points.Count - from), reports);
            from += part.Values.Length;
            var bytes = (ReportBytes * (reports + part.Steps.Length)) + (PointBytes * (before + part.Values.Length));
            if (from == points.Count && bytes <= TailBytes && !close)
            {
                yield return Command(waits ? Append : Replace, Values(runId, lastSeq + from, attempt, part));
                yield break;
            }
            yield return Command(waits ? InsertWithTail : Insert, Values(runId, lastSeq + from, attempt, part));
            waits = false;
        }

        if (close) yield return Command("delete from point_tails where run_id = $1", runId);
        else if (tail.Points > 0 && !waits) yield return Command(Empty, runId);
    }

    private const string Insert = $"insert into point_chunks ({Columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    private const string InsertWithTail =
        $"""
        insert into point_chunks ({Columns})
        select $1, $2, $3, steps || $4, epochs || $5, ats || $6, events || $7, metrics || $8, "values" || $9
        from point_tails where run_id = $1
        """;

    private const string Append =
        """
        update point_tails set last_seq = $2, attempt = $3, steps = steps || $4, epochs = epochs || $5, ats = ats || $6,
            events = events || $7, metrics = metrics || $8, "values" = "values" || $9
        where run_id = $1
        """;

    private const string Replace =
        $"""
        insert into point_tails ({Columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (run_id) do update set last_seq = excluded.last_seq, attempt = excluded.attempt, steps = excluded.steps,
            epochs = excluded.epochs, ats = excluded.ats, events = excluded.events, metrics = excluded.metrics,
            "values" = excluded."values"
        """;

    private const string Empty =
        """
        update point_tails set steps = '{}', epochs = '{}', ats = '{}', events = '{}', metrics = '{}', "values" = '{}' where run_id = $1
        """;

    private static object[] Values(long runId, long lastSeq, int attempt, PointChunk.Columns part) =>
        [runId, lastSeq, attempt, part.Steps, part.Epochs, part.Ats, part.Reports, part.Metrics, part.Values];

    private static NpgsqlBatchCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
        return command;
    }
}
