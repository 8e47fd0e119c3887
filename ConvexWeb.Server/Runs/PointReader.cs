using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>
/// The effective points of a run. A point counts unless a later attempt started from an earlier step: that attempt went through the later
/// steps again, and its values hold. Points are numbered per run as they are stored, so "after n" is all that a reader must remember.
/// </summary>
public sealed class PointReader(NpgsqlDataSource database)
{
    public const int MostPoints = 100_000;
    private const int MostMetrics = 100;

    public async Task<PointBatch?> ReadAsync(long runId, PointQuery query, CancellationToken cancel = default)
    {
        Check(query);
        await using var connection = await database.OpenConnectionAsync(cancel);

        // One snapshot for the statements: an attempt that begins between them must not supersede points of a batch that says it is older.
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        await using var batch = new NpgsqlBatch(connection, transaction)
        {
            BatchCommands =
            {
                Command("select attempt, last_seq from runs where id = $1", runId),
                Command(
                    """
                    select min(resumed_step) from attempts
                    where run_id = $1 and $2 > 0
                      and number > (select coalesce(min(attempt), 2147483647) from (
                        select attempt from points where run_id = $1 and seq <= $2 order by seq desc limit 1) seen)
                    """, runId, query.After),
                Command(Points(query), Parameters(runId, query)),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel)) return null;
        var (attempt, lastSeq) = (reader.GetInt32(0), reader.GetInt64(1));
        await reader.NextResultAsync(cancel);
        await reader.ReadAsync(cancel);
        long? rewind = reader.IsDBNull(0) ? null : reader.GetInt64(0);
        await reader.NextResultAsync(cancel);
        var columns = await ColumnsAsync(reader, cancel);

        // A full page ends where its last point is; otherwise everything up to the newest has been looked at.
        var seq = columns.Count == query.Limit ? columns.LastSeq : Math.Max(lastSeq, query.After);
        return new(runId, attempt, query.After, seq, rewind, More: seq < lastSeq, columns.ToSeries(), columns.Newest);
    }

    private static void Check(PointQuery query)
    {
        var problems = new List<FieldProblem>();
        if (query.After < 0) problems.Add(new("after", $"after must be 0 or more; got {query.After}."));
        if (query.Limit is < 1 or > MostPoints) problems.Add(new("limit", $"limit must be from 1 to {MostPoints}; got {query.Limit}."));
        if (query.FromStep < 0) problems.Add(new("fromStep", $"fromStep must be 0 or more; got {query.FromStep}."));
        if (query.ToStep < (query.FromStep ?? 0))
            problems.Add(new("toStep", $"toStep must not be less than fromStep; got {query.ToStep}."));
        if (query.Metrics?.Count > MostMetrics) problems.Add(new("metrics", $"At most {MostMetrics} metrics may be asked for at once."));
        if (query.Metrics?.Any(metric => !Text.IsPlain(metric)) == true) problems.Add(Text.NotPlain("metrics"));
        if (problems.Count > 0) throw new InvalidInputException(problems);
    }

    private static string Points(PointQuery query) =>
        $"""
        select m.name, p.step, p.attempt, p.epoch, p.value, p.seq, p.at
        from points p join metrics m on m.id = p.metric_id
        where p.run_id = $1 and p.seq > $2
          {(query.FromStep is null ? "" : "and p.step >= $4")}
          {(query.ToStep is null ? "" : "and p.step <= $5")}
          {(query.Metrics is null ? "" : "and m.name = any($6)")}
          and not exists (select from attempts a where a.run_id = p.run_id and a.number > p.attempt and a.resumed_step < p.step)
          and ((select attempt from runs where id = $1) <= 1 or not exists (
            select from points q where q.run_id = p.run_id and q.metric_id = p.metric_id and q.step = p.step and q.attempt > p.attempt))
        order by p.seq limit $3
        """;

    // All six are always given, so that their numbers do not depend on which are used.
    private static object[] Parameters(long runId, PointQuery query) =>
        [runId, query.After, query.Limit, query.FromStep ?? 0, query.ToStep ?? 0, query.Metrics?.ToArray() ?? []];

    private static NpgsqlBatchCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
        return command;
    }

    private static async Task<PointColumns> ColumnsAsync(NpgsqlDataReader reader, CancellationToken cancel)
    {
        var columns = new PointColumns();
        while (await reader.ReadAsync(cancel))
        {
            columns.Add(reader.GetString(0), new(reader.GetInt64(1), reader.GetInt32(2), reader.GetDouble(3), reader.GetDouble(4)),
                reader.GetInt64(5), reader.GetFieldValue<DateTimeOffset>(6));
        }
        return columns;
    }
}
