using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Server.Studies;

/// <summary>One combination of a grid: the spec's JSON, and the varied values, field path → value.</summary>
public sealed record Combination(JsonElement Spec, IReadOnlyList<KeyValuePair<string, JsonElement>> Values);

/// <summary>Field paths and the values to try of each; every combination of them is a spec.</summary>
public static class Grid
{
    private const int MostAxes = 8;

    public static IEnumerable<FieldProblem> Problems(IReadOnlyDictionary<string, IReadOnlyList<JsonElement>> grid)
    {
        if (grid.Count > MostAxes) yield return new("grid", $"grid has {grid.Count} fields; at most {MostAxes} may be varied at once.");
        foreach (var (path, values) in grid)
        {
            var at = At(path);
            if (path.Split('.') is not [var section, { Length: > 0 }] || Catalogue.Sections.All(known => known.Key != section))
            {
                var sections = string.Join(", ", Catalogue.Sections.Select(known => known.Key));
                yield return new(at, $"{at} must name a field such as grid.optimizer.lr; the sections are {sections}.");
            }
            if (values.Count == 0)
                yield return new(at, $"{at} has no values; give at least one.");
            else if (values.Select(value => value.GetRawText()).Distinct().Count() < values.Count)
                yield return new(at, $"{at} has a value twice.");
        }
    }

    /// <summary>How many combinations there are, without making them; at most <see cref="int.MaxValue"/>.</summary>
    public static long Count(IReadOnlyDictionary<string, IReadOnlyList<JsonElement>> grid) =>
        grid.Values.Aggregate(1L, (count, values) => Math.Min(count * Math.Max(values.Count, 1), int.MaxValue));

    /// <param name="spec">A JSON object; whether it is a valid spec is seen later, on each combination.</param>
    public static IEnumerable<Combination> Expand(JsonElement spec, IReadOnlyDictionary<string, IReadOnlyList<JsonElement>> grid)
    {
        IEnumerable<List<KeyValuePair<string, JsonElement>>> rows = [[]];
        foreach (var (path, values) in grid)
        {
            rows = rows.SelectMany(row =>
                values.Select(value => (List<KeyValuePair<string, JsonElement>>)[.. row, new(path, value)]));
        }
        return rows.Select(row => new Combination(row.Count == 0 ? spec : Apply(spec, row), row));
    }

    /// <summary>Where a problem of an expanded spec is to be shown: at the grid's field when the grid has set it.</summary>
    public static string PathOf(string path, IReadOnlyDictionary<string, IReadOnlyList<JsonElement>> grid)
        => grid.ContainsKey(path) ? At(path) : path;

    private static string At(string path) => "grid." + Text.Short(path);

    private static JsonElement Apply(JsonElement spec, List<KeyValuePair<string, JsonElement>> row)
    {
        var root = JsonObject.Create(spec) ?? [];

        // Names first: another choice brings other fields.
        foreach (var (path, value) in row.OrderByDescending(pair => pair.Key.EndsWith(".name", StringComparison.Ordinal)))
        {
            var parts = path.Split('.');
            if (root[parts[0]] is not JsonObject section)
            {
                if (root[parts[0]] is not null) continue; // not an object: the reader says so
                root[parts[0]] = section = [];
            }
            if (parts[1] == "name" && value.ValueKind == JsonValueKind.String) Choose(parts[0], section, value.GetString()!);
            section[parts[1]] = JsonNode.Parse(value.GetRawText());
        }
        return JsonSerializer.SerializeToElement(root);
    }

    // The base spec's fields of the old choice mean nothing to the new one, and are no mistake of whoever varies the name.
    private static void Choose(string key, JsonObject section, string name)
    {
        if (Catalogue.Sections.FirstOrDefault(known => known.Key == key) is not { } schema) return;
        if (section["name"] is not JsonValue old || !old.TryGetValue<string>(out var oldName) || oldName == name) return;
        if (schema.Find(oldName) is not { } from || schema.Find(name) is not { } to) return;
        foreach (var parameter in from.Parameters.Where(parameter => to.Parameters.All(kept => kept.Name != parameter.Name)))
            section.Remove(parameter.Name);
    }
}
