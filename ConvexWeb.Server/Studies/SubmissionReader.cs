using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Server.Studies;

/// <summary>
/// A submission from JSON, or everything that is wrong with its form. What its values may be is the business of <see cref="Submitter"/>.
/// </summary>
public static class SubmissionReader
{
    private const string Fields = "name, spec, grid, seeds, priority, queue, maxRunning";

    public static (Submission? Submission, IReadOnlyList<FieldProblem> Problems) Read(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object)
            return (null, [new("", $"A submission must be a JSON object with the fields {Fields}; got {Show(body)}.")]);

        if (JsonBody.Unreadable(body) is { } unreadable) return (null, NotPlain(body, unreadable));

        // Before anything is built of it that knows a name once. A spec's own fields are named as in a spec.
        if (JsonBody.Duplicate(body) is { } twice)
        {
            var path = twice.StartsWith("spec.", StringComparison.Ordinal) ? twice["spec.".Length..] : twice;
            return (null, [new(path, $"{path} is given more than once.")]);
        }

        var problems = new List<FieldProblem>();
        var submission = new Submission();
        var hasSpec = false;
        foreach (var field in body.EnumerateObject())
        {
            switch (field.Name)
            {
                case "name" when field.Value.ValueKind is JsonValueKind.String or JsonValueKind.Null:
                    submission = submission with { Name = field.Value.GetString() };
                    break;
                case "name":
                    problems.Add(new("name", $"name must be text; got {Show(field.Value)}."));
                    break;
                case "spec":
                    submission = submission with { Spec = field.Value };
                    hasSpec = true;
                    break;
                case "grid" when field.Value.ValueKind == JsonValueKind.Null:
                    break;
                case "grid":
                    submission = submission with { Grid = Grid(field.Value, problems) };
                    break;
                case "seeds":
                    submission = submission with { Seeds = Seeds(field.Value, problems) };
                    break;
                case "priority" when Words.TryParse<Priority>(field.Value, out var priority):
                    submission = submission with { Priority = priority };
                    break;
                case "priority":
                    var levels = string.Join(", ", Words.Of<Priority>());
                    problems.Add(new("priority", $"priority must be one of {levels}; got {Show(field.Value)}."));
                    break;
                case "queue" when field.Value.ValueKind is JsonValueKind.String or JsonValueKind.Null:
                    submission = submission with { Queue = field.Value.GetString() };
                    break;
                case "queue":
                    problems.Add(new("queue", $"queue must be text; got {Show(field.Value)}."));
                    break;
                case "maxRunning" when field.Value.ValueKind == JsonValueKind.Null:
                    break;
                case "maxRunning" when field.Value.ValueKind == JsonValueKind.Number && field.Value.TryGetInt32(out var most):
                    submission = submission with { MaxRunning = most };
                    break;
                case "maxRunning":
                    problems.Add(new("maxRunning", $"maxRunning must be a whole number; got {Show(field.Value)}."));
                    break;
                default:
                    var name = Text.Short(field.Name);
                    problems.Add(new(name, $"{name} is not a field of a submission; its fields are {Fields}."));
                    break;
            }
        }
        if (!hasSpec) problems.Add(new("spec", "spec is missing; it must be a JSON object, see /api/v1/catalog."));
        return (problems.Count == 0 ? submission : null, problems);
    }

    // Of a spec the spec's own reader says it, in the same words everywhere.
    private static IReadOnlyList<FieldProblem> NotPlain(JsonElement body, string path)
    {
        if (path != "spec" && !path.StartsWith("spec.", StringComparison.Ordinal)) return [Text.NotPlain(path)];
        var problems = SpecReader.Read(body.EnumerateObject().First(field => field.Name == "spec").Value).Problems;
        return problems.Count > 0
            ? [.. problems.Select(problem => new FieldProblem(problem.Path, problem.Message))]
            : [Text.NotPlain(path == "spec" ? path : path["spec.".Length..])];
    }

    private static Dictionary<string, IReadOnlyList<JsonElement>> Grid(JsonElement json, List<FieldProblem> problems)
    {
        var grid = new Dictionary<string, IReadOnlyList<JsonElement>>(StringComparer.Ordinal);
        if (json.ValueKind != JsonValueKind.Object)
        {
            problems.Add(new(
                "grid", $"grid must be an object of lists, for example {{\"optimizer.lr\": [0.01, 0.001]}}; got {Show(json)}."));
            return grid;
        }
        foreach (var axis in json.EnumerateObject())
        {
            var at = $"grid.{Text.Short(axis.Name)}";
            if (axis.Value.ValueKind == JsonValueKind.Array) grid[axis.Name] = [.. axis.Value.EnumerateArray()];
            else problems.Add(new(at, $"{at} must be a list of values to try; got {Show(axis.Value)}."));
        }
        return grid;
    }

    private static List<int> Seeds(JsonElement json, List<FieldProblem> problems)
    {
        var seeds = new List<int>();
        if (json.ValueKind != JsonValueKind.Array)
        {
            problems.Add(new("seeds", $"seeds must be a list of whole numbers, for example [0, 1, 2]; got {Show(json)}."));
            return seeds;
        }
        foreach (var seed in json.EnumerateArray())
        {
            if (seed.ValueKind == JsonValueKind.Number && seed.TryGetInt32(out var number))
                seeds.Add(number);
            else
                problems.Add(new($"seeds[{seeds.Count}]", $"Each seed must be a whole number from 0 to {int.MaxValue}; got {Show(seed)}."));
            if (problems.Count > 20) break;
        }
        return seeds;
    }

    public static string Show(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.Null => "null",
        _ => Text.Short(value.GetRawText()),
    };
}
