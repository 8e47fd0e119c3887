using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Studies;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>What pages and API do with runs.</summary>
public sealed class StoredRuns(
    NpgsqlDataSource database, PointReader points, WaitingItems waiting, Submitter submitter, RunActions actions, Caller caller,
    Once once, TimeProvider time) : IRuns
{
    private const int MostLines = 5000;
    private const int MostStudies = 500;

    public Task<SubmissionResult> SubmitAsync(Submission submission, CancellationToken cancel = default)
        => submission.Priority == Priority.Urgent && !caller.IsAdmin
            ? Task.FromResult(new SubmissionResult(null, [], [new("priority", "priority urgent is for administrators; use high at most.")]))
            : submitter.SubmitAsync(submission, caller.Name, once, cancel);

    public Task<Page<RunRow>> ListAsync(RunQuery query, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        return RunList.ReadAsync(database, query, cancel);
    }

    public async Task<IReadOnlyList<StudyView>> StudiesAsync(int limit, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        if (limit is < 1 or > MostStudies)
            throw new InvalidInputException("limit", $"limit must be from 1 to {MostStudies}; got {limit}.");
        await using var connection = await database.OpenConnectionAsync(cancel);
        var studies = await connection.QueryAsync<StudyView>(new CommandDefinition(
            """
            select s.id, s.name, s.created_by, s.created_at, (select count(*) from runs r where r.study_id = s.id) as runs
            from studies s order by s.id desc limit @limit
            """, new { limit }, cancellationToken: cancel));
        return studies.AsList();
    }

    public async Task<RunDetail?> FindAsync(long id, CancellationToken cancel = default)
        => (await FindAllAsync([id], cancel)).SingleOrDefault();

    public Task<IReadOnlyList<RunDetail>> FindAllAsync(IReadOnlyCollection<long> ids, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        return RunDetails.ReadAsync(database, waiting, time.GetUtcNow(), ids, cancel);
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
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var answers = await connection.QueryMultipleAsync(new(
            """
            select exists (select from runs where id = @id);
            select id, attempt, at, level, text from log_lines where run_id = @id and id > @after order by id limit @limit
            """, new { id, after, limit }, cancellationToken: cancel));
        if (!await answers.ReadSingleAsync<bool>()) return null;
        return [.. (await answers.ReadAsync<StoredLine>()).Select(
            line => new LogLine(line.Id, line.Attempt, line.At, Level(line.Level), line.Text))];
    }

    private sealed record StoredLine(long Id, int Attempt, DateTimeOffset At, string Level, string Text);

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

    public Task<ActionResult> ActAsync(ItemAction action, long id, CancellationToken cancel = default)
        => actions.ActAsync(action, id, Asker, cancel);

    public Task<BulkResult> ActOnAllAsync(BulkAction action, CancellationToken cancel = default)
        => actions.ActAsync(action.Action, Checked(action.Ids), Asker, cancel);

    public Task<BulkResult> PrioritiseAsync(Prioritise change, CancellationToken cancel = default)
        => actions.PrioritiseAsync(change.Priority, Checked(change.Ids), Asker, cancel);

    public Task<ActionResult> RerunAsync(long id, CancellationToken cancel = default)
        => actions.RerunAsync(id, caller.Name, once, cancel);

    private Asker Asker => Asker.Of(caller);

    private static IReadOnlyList<long> Checked(IReadOnlyList<long> ids) => ids.Count is >= 1 and <= BulkAction.MostRuns
        ? ids
        : throw new InvalidInputException("ids", $"ids must name from 1 to {BulkAction.MostRuns:N0} runs; got {ids.Count:N0}.");
}
