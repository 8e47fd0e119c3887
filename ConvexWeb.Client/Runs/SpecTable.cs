using System.Text.Json;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Runs;

/// <summary>A spec as rows of a table: dotted path and value.</summary>
public static class SpecTable
{
    public static IReadOnlyList<(string Path, string Value)> Flatten(JsonElement spec)
    {
        var rows = new List<(string, string)>();
        // What stands beside the sections, the version, is no field that anybody chose.
        if (spec.ValueKind == JsonValueKind.Object)
            foreach (var section in spec.EnumerateObject().Where(section => section.Value.ValueKind == JsonValueKind.Object))
                Walk(section.Value, section.Name, rows);
        return rows;
    }

    /// <summary>
    /// Path → default value as text, for the choices that this spec made. A choice is never a default: what is chosen is said.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Defaults(CatalogView catalog, JsonElement spec)
    {
        var defaults = new Dictionary<string, string>();
        foreach (var section in catalog.Sections)
        {
            if (!spec.TryGetProperty(section.Key, out var part) || part.ValueKind != JsonValueKind.Object) continue;
            var name = part.TryGetProperty("name", out var chosen) ? chosen.GetString() : null;
            var entry = section.Choices.FirstOrDefault(c => c.Name == name);
            foreach (var parameter in section.Parameters.Concat(entry?.Parameters ?? []))
            {
                defaults[$"{section.Key}.{parameter.Name}"] = parameter.Default is { } value ? Text(value) : "";
            }
        }
        return defaults;
    }

    private static void Walk(JsonElement element, string path, List<(string, string)> rows)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            rows.Add((path, Text(element)));
            return;
        }
        foreach (var property in element.EnumerateObject())
        {
            Walk(property.Value, path.Length == 0 ? property.Name : $"{path}.{property.Name}", rows);
        }
    }

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined => "",
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(Text)),
        JsonValueKind.Number when value.TryGetDouble(out var number) => number.ToString("R"), // 1e-4 and 0.0001 are one value
        _ => value.GetRawText(),
    };
}
