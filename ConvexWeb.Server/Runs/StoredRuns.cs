using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
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
        => (await FindAllAsync([id], cancel)).SingleOrDefault();

    public Task<IReadOnlyList<RunDetail>> FindAllAsync(IReadOnlyCollection<long> ids, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        return RunDetails.ReadAsync(database, ids, cancel);
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
