using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Training.Specs;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Studies;

/// <summary>
/// Makes a study of a submission: all of it, with its runs in the queue, or, when anything is wrong with any of them, nothing.
/// </summary>
public sealed class Submitter(NpgsqlDataSource database, IWorkQueue queue, IOptions<Settings> settings)
{
    private const int MostProblems = 50;
    private const int LongestName = 200;

    private sealed record Planned(Spec Spec, string Json, Description Description, IReadOnlyList<KeyValuePair<string, JsonElement>> Values);

    /// <param name="once">Whether the same request was made before.</param>
    public async Task<SubmissionResult> SubmitAsync(
        Submission submission, string createdBy, Once once, CancellationToken cancel = default)
    {
        var problems = FormProblems(submission).ToList();
        var plans = problems.Count == 0 ? Plan(submission, problems) : [];
        return problems.Count > 0 ? new(null, [], problems) : await StoreAsync(submission, plans, createdBy, once, cancel);
    }

    private static IEnumerable<FieldProblem> FormProblems(Submission submission)
    {
        if (submission.Name?.Length > LongestName)
            yield return new("name", $"name is {submission.Name.Length} characters long; at most {LongestName} are allowed.");
        if (Text.Problem("name", submission.Name) is { } unfit) yield return unfit;
        if (submission.Spec.ValueKind != JsonValueKind.Object)
            yield return new("spec", $"spec must be a JSON object; got {SubmissionReader.Show(submission.Spec)}.");
        if (submission.Queue is { } queue && !WorkerSettings.IsQueue(queue))
        {
            yield return new(
                "queue",
                $"queue must name a queue of workers, at most 40 small letters, digits, '_' and '-'; got '{Text.Short(queue)}'.");
        }
        if (submission.MaxRunning is < 1 or > Submission.MostRuns)
            yield return new("maxRunning", $"maxRunning must be from 1 to {Submission.MostRuns}; got {submission.MaxRunning}.");

        if (submission.Seeds.Count == 0) yield return new("seeds", "seeds is empty; give at least one, for example [0].");
        foreach (var seed in submission.Seeds.Where(seed => seed < 0).Take(5))
            yield return new("seeds", $"Each seed must be a whole number from 0 to {int.MaxValue}; got {seed}.");
        if (submission.Seeds.Distinct().Count() < submission.Seeds.Count) yield return new("seeds", "seeds has a number twice.");

        var grid = submission.Grid ?? Empty;
        foreach (var problem in Grid.Problems(grid)) yield return problem;
        var count = Grid.Count(grid) * submission.Seeds.Count;
        if (count > Submission.MostRuns)
        {
            yield return new(
                grid.Count > 0 ? "grid" : "seeds",
                $"This would be {count:N0} runs (combinations × seeds); a study may have at most {Submission.MostRuns}.");
        }
    }

    private static List<Planned> Plan(Submission submission, List<FieldProblem> problems)
    {
        var grid = submission.Grid ?? Empty;
        var plans = new List<Planned>();
        foreach (var combination in Grid.Expand(submission.Spec, grid))
        {
            var reading = SpecReader.Read(combination.Spec);
            if (reading.Spec is { } spec)
                plans.Add(new(spec, SpecWriter.ToJson(spec).ToJsonString(), Description.Of(spec), combination.Values));
            foreach (var problem in reading.Problems.Select(problem => new FieldProblem(Grid.PathOf(problem.Path, grid), problem.Message)))
            {
                if (!problems.Contains(problem) && problems.Count < MostProblems) problems.Add(problem);
            }
        }

        // Two combinations may come out the same when a value is written in two ways, such as 1 and 1.0.
        if (problems.Count == 0 && plans.Select(plan => plan.Json).Distinct().Count() < plans.Count)
            problems.Add(new("grid", "Two combinations of the grid are the same spec."));
        return plans;
    }

    private async Task<SubmissionResult> StoreAsync(
        Submission submission, List<Planned> plans, string createdBy, Once once, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await once.FindAsync<SubmissionResult>(connection, cancel) is { } before) return before;
        var given = submission.Name;
        var name = string.IsNullOrWhiteSpace(given) ? RunNames.OfStudy(plans[0].Spec, submission.Grid) : given.Trim();
        var study = await connection.ExecuteScalarAsync<long>(new(
            "insert into studies (name, created_by, max_running) values (@name, @createdBy, @MaxRunning) returning id",
            new { name, createdBy, submission.MaxRunning }, cancellationToken: cancel));
        var ids = await InsertAsync(connection, study, submission, plans, createdBy, cancel);
        if (await WaitingLimit.ProblemAsync(connection, createdBy, ids.Count, cancel) is { } problem)
            return new(null, [], [new("", problem)]);
        var result = new SubmissionResult(study, ids, []);
        await once.RememberAsync(connection, result, cancel);
        await RunChanges.NotifyAsync(connection, ids, cancel);
        await transaction.CommitAsync(cancel);
        await queue.AnnounceAsync(cancel);
        return result;
    }

    // One statement for any number of runs: a study of 500 keeps others waiting no longer than one of 5. A combination's texts go over
    // the wire once and not for each seed. What runs of the same spec were seen to need on such workers counts before the estimate; of
    // runs that did not end well it is the least that they needed.
    private async Task<IReadOnlyList<long>> InsertAsync(
        NpgsqlConnection connection, long study, Submission submission, List<Planned> plans, string createdBy, CancellationToken cancel)
        => (await connection.QueryAsync<long>(new(
            $"""
            with plan as (
                select * from unnest(@names, @specs, @keys, @models, @convexities, @datasets, @labels, @parameters, @epochs, @stepsPerEpoch,
                    @totalSteps, @memory) with ordinality
                as p (name, spec, group_key, model, convexity, dataset, labels, parameters, epochs, steps_per_epoch, total_steps, memory,
                n)),
            run as (
                insert into runs (study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs,
                    steps_per_epoch, total_steps)
                select @study, p.name, s.seed, p.spec::json, p.group_key, p.model, p.convexity, p.dataset, p.labels, p.parameters, p.epochs,
                    p.steps_per_epoch, p.total_steps
                from plan p cross join unnest(@seeds) with ordinality as s (seed, n) order by p.n, s.n
                returning id, group_key),
            lent as (select {MeasuredMemory.Lent("@queue")} as mb),
            known as (
                select p.group_key, p.memory, {MeasuredMemory.Peak("p.group_key", "@queue")} as whole,
                    coalesce(max(i.peak_memory_mb), 0) as seen
                from (select distinct on (group_key) group_key, memory from plan) p
                left join runs k on k.group_key = p.group_key left join work_items i on i.run_id = k.id and i.kind = 'run'
                group by 1, 2)
            insert into work_items (kind, run_id, study_id, created_by, priority, queue, memory_mb)
            select 'run', r.id, @study, @createdBy, @priority, @queue,
                case when k.whole is not null then least(k.whole, lent.mb) else greatest(k.memory, least(k.seen, lent.mb)) end
            from run r join known k on k.group_key = r.group_key cross join lent
            order by r.id returning run_id
            """,
            new
            {
                study,
                createdBy,
                seeds = submission.Seeds.ToArray(),
                priority = (int)submission.Priority,
                queue = submission.Queue ?? settings.Value.Queue,
                names = plans.Select(plan => RunNames.OfRun(plan.Spec, plan.Values)).ToArray(),
                specs = plans.Select(plan => plan.Json).ToArray(),
                keys = plans.Select(plan => SpecWriter.GroupKey(plan.Spec)).ToArray(),
                models = plans.Select(plan => plan.Spec.Model.Name).ToArray(),
                convexities = plans.Select(plan => plan.Spec.Convexity.Name).ToArray(),
                datasets = plans.Select(plan => plan.Spec.Data.Name).ToArray(),
                labels = plans.Select(plan => plan.Spec.Labels.Name).ToArray(),
                parameters = plans.Select(plan => plan.Description.Parameters).ToArray(),
                epochs = plans.Select(plan => plan.Spec.Training.Epochs).ToArray(),
                stepsPerEpoch = plans.Select(plan => plan.Description.StepsPerEpoch).ToArray(),
                totalSteps = plans.Select(plan => plan.Description.TotalSteps).ToArray(),
                memory = plans.Select(plan => plan.Description.MemoryMb).ToArray(),
            },
            cancellationToken: cancel))).AsList();

    private static readonly IReadOnlyDictionary<string, IReadOnlyList<JsonElement>> Empty =
        new Dictionary<string, IReadOnlyList<JsonElement>>();
}
