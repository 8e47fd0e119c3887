using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Dapper;
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

    // Of chunks that are read at once: few for a small page, and never the whole of a long run.
    private const int MostChunks = 128;
    private const int PointsOfSmallChunk = 64;

    // They never change, so they are kept.
    private readonly ConcurrentDictionary<short, string> names = new();

    private sealed record Run(int Attempt, long LastSeq);

    private sealed record Metric(short Id, string Name);

    public async Task<PointBatch?> ReadAsync(long runId, PointQuery query, CancellationToken cancel = default)
    {
        Check(query);
        await using var connection = await database.OpenConnectionAsync(cancel);

        // One snapshot for the statements: an attempt that begins between them must not supersede points of a batch that says it is older.
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        await using var opening = await connection.QueryMultipleAsync(new CommandDefinition(
            $"""
            select i.attempt, r.last_seq as LastSeq from runs r join work_items i on i.run_id = r.id and i.kind = 'run' where r.id = @run;
            select attempt, resumed_step as ResumedStep, first_seq as FirstSeq, overlap_seq as OverlapSeq from journals where run_id = @run;
            {StoredChunk.Tail};
            select id, name from metrics where name = any(@wanted)
            """, new { run = runId, after = query.After, wanted = query.Metrics?.ToArray() ?? [] }, cancellationToken: cancel));
        if (await opening.ReadSingleOrDefaultAsync<Run>() is not { } run) return null;
        var history = new AttemptHistory((await opening.ReadAsync<AttemptStart>()).AsList());
        var tail = await opening.ReadSingleOrDefaultAsync<StoredChunk>();
        var wanted = (await opening.ReadAsync<Metric>()).Select(metric => metric.Id).ToHashSet();

        var columns = new PointColumns(query, history, query.Metrics is null ? null : wanted);
        await foreach (var chunk in ChunksAsync(connection, runId, query, tail, cancel))
        {
            await history.PrepareAsync(connection, runId, chunk.Attempt, cancel);
            columns.Add(chunk);
            if (columns.IsFull) break;
        }
        await LearnAsync(connection, columns.Metrics, cancel);

        // A full page ends where its last point is; otherwise everything up to the newest has been looked at.
        var seq = columns.IsFull ? columns.LastSeq : Math.Max(run.LastSeq, query.After);
        var rewind = query.After > 0 ? history.RewindAfter(query.After) : null;
        return new(
            runId, run.Attempt, query.After, seq, rewind, More: seq < run.LastSeq, columns.ToSeries(metric => names[metric]),
            columns.Newest);
    }

    // A browser that follows a training has all but the newest points: then no chunk is looked for.
    private static async IAsyncEnumerable<StoredChunk> ChunksAsync(
        NpgsqlConnection connection, long runId, PointQuery query, StoredChunk? tail, [EnumeratorCancellation] CancellationToken cancel)
    {
        var most = Math.Clamp(query.Limit / PointsOfSmallChunk, 2, MostChunks);
        for (var after = query.After; tail is null || tail.Before > after;)
        {
            var chunks = await StoredChunk.ReadAsync(connection, runId, after, most, cancel);
            foreach (var chunk in chunks) yield return chunk;
            if (chunks.Count < most) break;
            after = chunks[^1].LastSeq;
        }
        if (tail is not null) yield return tail;
    }

    private async Task LearnAsync(NpgsqlConnection connection, IReadOnlyCollection<short> ids, CancellationToken cancel)
    {
        var unknown = ids.Where(id => !names.ContainsKey(id)).ToArray();
        if (unknown.Length == 0) return;
        foreach (var metric in await connection.QueryAsync<Metric>(
            new CommandDefinition("select id, name from metrics where id = any(@unknown)", new { unknown }, cancellationToken: cancel)))
            names[metric.Id] = metric.Name;
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
}
