using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Certificates;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Studies;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>What pages and API do with runs.</summary>
public sealed class StoredRuns(NpgsqlDataSource database, PointReader points, Submitter submitter, RunActions actions, Caller caller)
    : IRuns
{
    private const int MostLines = 5000;

    public Task<SubmissionResult> SubmitAsync(Submission submission, CancellationToken cancel = default)
        => submitter.SubmitAsync(submission, caller.Name, cancel);

    public Task<Page<RunRow>> ListAsync(RunQuery query, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        return RunList.ReadAsync(database, query, cancel);
    }

    public async Task<RunDetail?> FindAsync(long id, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var find = new NpgsqlCommand($"{RunRows.Select} where r.id = $1", connection) { Parameters = { new() { Value = id } } };
        if ((await RunRows.ReadAllAsync(find, cancel)).SingleOrDefault() is not { } row) return null;

        await using var batch = new NpgsqlBatch(connection);
        foreach (var sql in new[]
                 {
                     "select spec::text, parameters, steps_per_epoch, rerun_of, latest from runs where id = $1",
                     """
                     select a.number, a.worker, a.started_at, a.ended_at, coalesce(j.resumed_step, 0), a.outcome
                     from attempts a left join journals j on j.run_id = a.run_id and j.attempt = a.number
                     where a.run_id = $1 order by a.number
                     """,
                     "select id, kind, step, bytes, sha256, created_at from checkpoints where run_id = $1 order by created_at desc",
                     CertificateRows.MarkOf,
                     ClaimOrder.Ahead,
                 })
        {
            batch.BatchCommands.Add(new(sql) { Parameters = { new() { Value = id } } });
        }
        await using var reader = await batch.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel)) return null;
        using var spec = JsonDocument.Parse(reader.GetString(0));
        var (parameters, stepsPerEpoch) = (reader.GetInt64(1), reader.GetInt64(2));
        long? rerunOf = reader.IsDBNull(3) ? null : reader.GetInt64(3);
        var latest = RunRows.Latest(reader.GetString(4));

        var attempts = new List<AttemptView>();
        await reader.NextResultAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            attempts.Add(new(
                reader.GetInt32(0), reader.GetString(1), reader.GetFieldValue<DateTimeOffset>(2), RunRows.Time(reader, 3),
                reader.GetInt64(4), reader.IsDBNull(5) ? null : reader.GetString(5)));
        }

        var checkpoints = new List<CheckpointView>();
        await reader.NextResultAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            checkpoints.Add(new(
                reader.GetGuid(0), reader.GetString(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetString(4),
                reader.GetFieldValue<DateTimeOffset>(5)));
        }

        await reader.NextResultAsync(cancel);
        var mark = await reader.ReadAsync(cancel) ? CertificateRows.Mark(reader) : null;

        await reader.NextResultAsync(cancel);
        if (row.Reason is null && await reader.ReadAsync(cancel) && !await reader.IsDBNullAsync(0, cancel))
        {
            var ahead = reader.GetInt64(0);
            row = row with
            {
                Reason = ahead == 0
                    ? "It is next, and waits for a free slot of a worker."
                    : $"{ahead:N0} run{(ahead == 1 ? " goes" : "s go")} before it.",
            };
        }

        return new RunDetail
        {
            Row = row,
            Spec = spec.RootElement.Clone(),
            Parameters = parameters,
            StepsPerEpoch = stepsPerEpoch,
            RerunOf = rerunOf,
            Attempts = attempts,
            Checkpoints = checkpoints,
            Latest = latest,
            Certificate = mark,
        };
    }

    public Task<PointBatch?> PointsAsync(long id, PointQuery query, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        return points.ReadAsync(id, query, cancel);
    }

    public async Task<IReadOnlyList<LogLine>?> LogAsync(long id, long after, int limit, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        if (after < 0) throw new InvalidInputException("after", $"after must be 0 or more; got {after}.");
        if (limit is < 1 or > MostLines) throw new InvalidInputException("limit", $"limit must be from 1 to {MostLines}; got {limit}.");
        await using var command = database.CreateCommand(
            """
            select l.id, l.attempt, l.at, l.level, l.text from runs r left join lateral
              (select * from log_lines where run_id = r.id and id > $2 order by id limit $3) l on true
            where r.id = $1 order by l.id
            """);
        foreach (var value in new object[] { id, after, limit }) command.Parameters.Add(new() { Value = value });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel)) return null;
        var lines = new List<LogLine>();
        do
        {
            if (reader.IsDBNull(0)) break; // the run is there and has no such lines
            lines.Add(new(
                reader.GetInt64(0), reader.GetInt32(1), reader.GetFieldValue<DateTimeOffset>(2), Level(reader.GetString(3)),
                reader.GetString(4)));
        }
        while (await reader.ReadAsync(cancel));
        return lines;
    }

    private static LineLevel Level(string stored) => stored switch
    {
        "warning" => LineLevel.Warning,
        "error" => LineLevel.Error,
        "stderr" => LineLevel.Stderr,
        _ => LineLevel.Info,
    };

    public Task<RunSummary?> SummaryAsync(long id, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        return RunSummaries.ReadAsync(database, id, cancel);
    }

    public Task<ActionResult> CancelAsync(long id, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        return actions.CancelAsync(id, cancel);
    }

    public Task<ActionResult> RerunAsync(long id, CancellationToken cancel = default) => actions.RerunAsync(id, caller.Name, cancel);
}
