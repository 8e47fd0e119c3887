using System.Data.Common;
using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Certificates;
using ConvexWeb.Server.Leasing;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>Reads runs whole: as many as are asked for, in two trips to the database.</summary>
internal static class RunDetails
{
    public const int MostRuns = 100;

    private const string Own =
        """
        select id, spec::text as spec, parameters, steps_per_epoch as StepsPerEpoch, rerun_of as RerunOf, latest::text as latest
        from runs where id = any($1)
        """;

    private const string Attempts =
        """
        select run_id as RunId, number, worker, started_at as StartedAt, ended_at as EndedAt, resumed_step as ResumedStep, outcome
        from attempts where run_id = any($1) order by run_id, number
        """;

    private const string Checkpoints =
        """
        select run_id as RunId, id, kind, step, bytes, sha256, created_at as CreatedAt
        from checkpoints where run_id = any($1) order by run_id, created_at desc
        """;

    private sealed record OwnRow
    {
        public long Id { get; init; }
        public string Spec { get; init; } = "";
        public long Parameters { get; init; }
        public long StepsPerEpoch { get; init; }
        public long? RerunOf { get; init; }
        public string Latest { get; init; } = "";
    }

    private sealed record AttemptRow
    {
        public long RunId { get; init; }
        public int Number { get; init; }
        public string Worker { get; init; } = "";
        public DateTimeOffset StartedAt { get; init; }
        public DateTimeOffset? EndedAt { get; init; }
        public long ResumedStep { get; init; }
        public string? Outcome { get; init; }
        public AttemptView View => new(Number, Worker, StartedAt, EndedAt, ResumedStep, Outcome);
    }

    private sealed record CheckpointRow
    {
        public long RunId { get; init; }
        public Guid Id { get; init; }
        public string Kind { get; init; } = "";
        public long Step { get; init; }
        public long Bytes { get; init; }
        public string Sha256 { get; init; } = "";
        public DateTimeOffset CreatedAt { get; init; }
        public CheckpointView View => new(Id, Kind, Step, Bytes, Sha256, CreatedAt);
    }

    public static async Task<IReadOnlyList<RunDetail>> ReadAsync(
        NpgsqlDataSource database, IReadOnlyCollection<long> ids, CancellationToken cancel)
    {
        if (ids.Count is < 1 or > MostRuns)
            throw new InvalidInputException("ids", $"From 1 to {MostRuns} ids may be asked for at once; got {ids.Count}.");

        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var list = new NpgsqlCommand($"{RunRows.Select} where r.id = any($1) order by r.id", connection);
        list.Parameters.Add(new() { Value = ids.ToArray() });
        var rows = await RunRows.ReadAllAsync(list, cancel);
        if (rows.Count == 0) return [];

        var found = rows.Select(row => row.Id).ToArray();
        var waiting = rows.Where(row => row.State == RunState.Queued && row.Reason is null).ToList();
        await using var batch = new NpgsqlBatch(connection);
        foreach (var sql in new[] { Own, Attempts, Checkpoints }) batch.BatchCommands.Add(Command(sql, found));
        foreach (var id in found) batch.BatchCommands.Add(Command(CertificateRows.MarkOf, id));
        foreach (var row in waiting) batch.BatchCommands.Add(Command(ClaimOrder.Ahead, row.Id));
        await using var reader = await batch.ExecuteReaderAsync(cancel);

        var own = (await RowsAsync<OwnRow>(reader, cancel)).ToDictionary(row => row.Id);
        var attempts = (await NextAsync<AttemptRow>(reader, cancel)).ToLookup(row => row.RunId, row => row.View);
        var checkpoints = (await NextAsync<CheckpointRow>(reader, cancel)).ToLookup(row => row.RunId, row => row.View);
        var marks = new Dictionary<long, CertificateMark?>();
        foreach (var id in found)
        {
            await reader.NextResultAsync(cancel);
            marks[id] = await reader.ReadAsync(cancel) ? CertificateRows.Mark(reader) : null;
        }
        var ahead = new Dictionary<long, long?>();
        foreach (var row in waiting) ahead[row.Id] = (await NextAsync<long?>(reader, cancel)).SingleOrDefault();

        return
        [
            .. rows.Where(row => own.ContainsKey(row.Id)).Select(row => Detail(
                row with { Reason = row.Reason ?? Place(ahead.GetValueOrDefault(row.Id)) },
                own[row.Id], [.. attempts[row.Id]], [.. checkpoints[row.Id]], marks[row.Id])),
        ];
    }

    private static RunDetail Detail(
        RunRow row, OwnRow own, IReadOnlyList<AttemptView> attempts, IReadOnlyList<CheckpointView> checkpoints, CertificateMark? mark)
    {
        using var spec = JsonDocument.Parse(own.Spec);
        return new()
        {
            Row = row,
            Spec = spec.RootElement.Clone(),
            Parameters = own.Parameters,
            StepsPerEpoch = own.StepsPerEpoch,
            RerunOf = own.RerunOf,
            Attempts = attempts,
            Checkpoints = checkpoints,
            Latest = RunRows.Latest(own.Latest),
            Certificate = mark,
        };
    }

    private static string? Place(long? ahead) => ahead switch
    {
        null => null,
        0 => "It is next, and waits for a free slot of a worker.",
        1 => "1 run goes before it.",
        _ => $"{ahead:N0} runs go before it.",
    };

    private static NpgsqlBatchCommand Command(string sql, object value) => new(sql) { Parameters = { new() { Value = value } } };

    private static async Task<IReadOnlyList<T>> NextAsync<T>(NpgsqlDataReader reader, CancellationToken cancel)
    {
        await reader.NextResultAsync(cancel);
        return await RowsAsync<T>(reader, cancel);
    }

    private static async Task<IReadOnlyList<T>> RowsAsync<T>(DbDataReader reader, CancellationToken cancel)
    {
        var rows = new List<T>();
        var parse = reader.GetRowParser<T>();
        while (await reader.ReadAsync(cancel)) rows.Add(parse(reader));
        return rows;
    }
}
