using System.Text.Json;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Server.Studies;

/// <summary>Names that tell the runs of a study apart: what differs. The seed is a column of its own.</summary>
public static class RunNames
{
    public static string OfStudy(Spec spec, IReadOnlyDictionary<string, IReadOnlyList<JsonElement>>? grid) =>
        $"{spec.Model.Name} on {spec.Data.Name}" + (grid is { Count: > 0 } ? $" by {string.Join(", ", grid.Keys.Select(Field))}" : "");

    public static string OfRun(Spec spec, IReadOnlyList<KeyValuePair<string, JsonElement>> values)
    {
        var parts = new List<string> { spec.Model.Name };
        if (spec.Convexity.Name != "none") parts.Add(spec.Convexity.Name);
        parts.Add(spec.Data.Name);
        if (spec.Labels.Name != "true") parts.Add(spec.Labels.Name);
        parts.AddRange(values
            .Where(pair => !pair.Key.EndsWith(".name", StringComparison.Ordinal))
            .Select(pair => $"{Field(pair.Key)}={pair.Value}"));
        return string.Join(' ', parts);
    }

    private static string Field(string path)
        => path.EndsWith(".name", StringComparison.Ordinal) ? path[..^".name".Length] : path[(path.IndexOf('.') + 1)..];
}
