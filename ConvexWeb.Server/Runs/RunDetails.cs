using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Certificates;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Training.Specs;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>Reads runs whole: as many as are asked for, in two trips to the database, and two more when some of them wait.</summary>
internal static class RunDetails
{
    public const int MostRuns = 100;

    private static readonly string Details =
        $"""
        select id, spec::text as spec, parameters, steps_per_epoch, rerun_of, latest::text as latest from runs where id = any(@ids);
        select i.run_id, a.number, a.worker, a.started_at, a.ended_at,
            coalesce(nullif(j.resumed_step, {StoredJournal.NotResumedYet}), 0) as resumed_step, a.outcome
        from work_items i join attempts a on a.item_id = i.id left join journals j on j.run_id = i.run_id and j.attempt = a.number
        where i.run_id = any(@ids) and i.kind = 'run' order by i.run_id, a.number;
        select run_id, id, kind, step, bytes, sha256, created_at from checkpoints
        where run_id = any(@ids) order by run_id, created_at desc;
        """;

    private sealed record OwnRow(long Id, string Spec, long Parameters, long StepsPerEpoch, long? RerunOf, string Latest);

    private sealed record AttemptRow(
        long RunId, int Number, string Worker, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, long ResumedStep, string? Outcome)
    {
        public AttemptView View => new(Number, Worker, StartedAt, EndedAt, ResumedStep, Outcome);
    }

    private sealed record CheckpointRow(
        long RunId, Guid Id, string Kind, long Step, long Bytes, string Sha256, DateTimeOffset CreatedAt)
    {
        public CheckpointView View => new(Id, Kind, Step, Bytes, Sha256, CreatedAt);
    }

    public static async Task<IReadOnlyList<RunDetail>> ReadAsync(
        NpgsqlDataSource database, WaitingItems waiting, DateTimeOffset now, IReadOnlyCollection<long> ids, CancellationToken cancel)
    {
        if (ids.Count is < 1 or > MostRuns)
            throw new InvalidInputException("ids", $"From 1 to {MostRuns} ids may be asked for at once; got {ids.Count}.");

        await using var connection = await database.OpenConnectionAsync(cancel);
        var rows = await RunRows.QueryAsync(connection, "where r.id = any(@ids) order by r.id", new { ids = ids.ToArray() }, cancel);
        if (rows.Count == 0) return [];

        await using var answers = await connection.QueryMultipleAsync(new(
            $"{Details} {CertificateRows.MarksOf}", new { ids = rows.Select(row => row.Id).ToArray() }, cancellationToken: cancel));
        var own = (await answers.ReadAsync<OwnRow>()).ToDictionary(row => row.Id);
        var attempts = (await answers.ReadAsync<AttemptRow>()).ToLookup(row => row.RunId, row => row.View);
        var checkpoints = (await answers.ReadAsync<CheckpointRow>()).ToLookup(row => row.RunId, row => row.View);
        var marks = (await answers.ReadAsync<CertificateRows.MarkRow>()).ToDictionary(row => row.RunId, row => row.View());

        var reasons = await ReasonsAsync(waiting, [.. rows.Where(row => row.State == RunState.Queued).Select(row => row.Id)], now, cancel);
        return
        [
            .. rows.Where(row => own.ContainsKey(row.Id)).Select(row => Detail(
                reasons.TryGetValue(row.Id, out var why) ? row with { Reason = why.Words, ReasonCode = Words.Of(why.Code) } : row,
                own[row.Id], [.. attempts[row.Id]], [.. checkpoints[row.Id]], marks.GetValueOrDefault(row.Id))),
        ];
    }

    // Of a run that has been taken meanwhile there is none.
    private static async Task<Dictionary<long, (WaitCode Code, string Words)>> ReasonsAsync(
        WaitingItems waiting, IReadOnlyCollection<long> ids, DateTimeOffset now, CancellationToken cancel)
    {
        if (ids.Count == 0) return [];
        var snapshot = await waiting.ReadAsync(ids, queue: null, most: ids.Count, cancel);
        return snapshot.Items.ToDictionary(item => item.RunId, item => snapshot.Why(item, now));
    }

    // One of an earlier version in the words of this one, so that who starts another run from it gets the same.
    private static JsonElement SpecOf(string stored)
    {
        var stamped = SpecVersions.Stamped(stored);
        if (SpecReader.Read(stamped).Spec is { } spec) return JsonSerializer.SerializeToElement(SpecWriter.ToJson(spec));
        using var verbatim = JsonDocument.Parse(stamped);
        return verbatim.RootElement.Clone();
    }

    private static RunDetail Detail(
        RunRow row, OwnRow own, IReadOnlyList<AttemptView> attempts, IReadOnlyList<CheckpointView> checkpoints, CertificateMark? mark)
    {
        return new()
        {
            Row = row,
            Spec = SpecOf(own.Spec),
            Parameters = own.Parameters,
            StepsPerEpoch = own.StepsPerEpoch,
            RerunOf = own.RerunOf,
            Attempts = attempts,
            Checkpoints = checkpoints,
            Latest = RunRows.Latest(own.Latest),
            Certificate = mark,
        };
    }
}
