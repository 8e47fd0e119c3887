using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Training.Specs;
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

    public async Task<SubmissionResult> SubmitAsync(Submission submission, string createdBy, CancellationToken cancel = default)
    {
        var problems = FormProblems(submission).ToList();
        var plans = problems.Count == 0 ? Plan(submission, problems) : [];
        return problems.Count > 0 ? new(null, [], problems) : await StoreAsync(submission, plans, createdBy, cancel);
    }

    private static IEnumerable<FieldProblem> FormProblems(Submission submission)
    {
        if (submission.Name?.Length > LongestName)
            yield return new("name", $"name is {submission.Name.Length} characters long; at most {LongestName} are allowed.");
        if (Text.Problem("name", submission.Name) is { } unfit) yield return unfit;
        if (submission.Spec.ValueKind != JsonValueKind.Object)
            yield return new("spec", $"spec must be a JSON object; got {SubmissionReader.Show(submission.Spec)}.");
        if (submission.Priority is < 1 or > 9)
            yield return new("priority", $"priority must be a whole number from 1 to 9; got {submission.Priority}.");

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

    private async Task<SubmissionResult> StoreAsync(Submission submission, List<Planned> plans, string createdBy, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var insertStudy = new NpgsqlCommand(
            "insert into studies (name, created_by) values ($1, $2) returning id", connection, transaction);
        var given = submission.Name;
        var name = string.IsNullOrWhiteSpace(given) ? RunNames.OfStudy(plans[0].Spec, submission.Grid) : given.Trim();
        insertStudy.Parameters.Add(new() { Value = name });
        insertStudy.Parameters.Add(new() { Value = createdBy });
        var study = (long)(await insertStudy.ExecuteScalarAsync(cancel))!;

        await using var batch = new NpgsqlBatch(connection, transaction);
        foreach (var plan in plans)
        {
            foreach (var seed in submission.Seeds) batch.BatchCommands.Add(Insert(study, plan, seed, submission.Priority, createdBy));
        }
        var ids = new List<long>(batch.BatchCommands.Count);
        await using (var reader = await batch.ExecuteReaderAsync(cancel))
        {
            do
            {
                while (await reader.ReadAsync(cancel)) ids.Add(reader.GetInt64(0));
            }
            while (await reader.NextResultAsync(cancel));
        }

        await RunChanges.NotifyAsync(connection, ids, cancel);
        await transaction.CommitAsync(cancel);
        await queue.AnnounceAsync(cancel);
        return new(study, ids, []);
    }

    private NpgsqlBatchCommand Insert(long study, Planned plan, int seed, int priority, string createdBy)
    {
        var command = new NpgsqlBatchCommand(
            """
            insert into runs (study_id, name, seed, spec, group_key, priority, execution_group, model, convexity, dataset, labels,
                              parameters, epochs, steps_per_epoch, total_steps, created_by)
            values ($1, $2, $3, $4::json, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) returning id
            """);
        var (spec, about) = (plan.Spec, plan.Description);
        foreach (var value in new object[]
                 {
                     study, RunNames.OfRun(spec, plan.Values), seed, plan.Json, SpecWriter.GroupKey(spec), priority,
                     settings.Value.ExecutionGroup, spec.Model.Name, spec.Convexity.Name, spec.Data.Name, spec.Labels.Name,
                     (long)about.Parameters, spec.Training.Epochs, (long)about.StepsPerEpoch, (long)about.TotalSteps, createdBy,
                 })
        {
            command.Parameters.Add(new() { Value = value });
        }
        return command;
    }

    private static readonly IReadOnlyDictionary<string, IReadOnlyList<JsonElement>> Empty =
        new Dictionary<string, IReadOnlyList<JsonElement>>();
}
