using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Catalog;

/// <summary>
/// A spec while it is being written: what was typed, right or wrong, and which fields have several values. It judges nothing: what is
/// not a number stays text in the spec, and the one check of specs says so at the field.
/// </summary>
public sealed class SpecDraft(CatalogView catalog)
{
    private readonly Dictionary<string, string> typed = [];
    private readonly Dictionary<string, string> varied = [];
    private JsonObject spec = Copy(catalog.DefaultSpec);

    /// <summary>Starts anew from a whole spec, such as a preset's or another run's.</summary>
    public void Load(JsonElement source)
    {
        spec = Copy(source);
        typed.Clear();
        varied.Clear();
    }

    /// <summary>
    /// Takes a spec that was edited as text. A field that has several values keeps them as long as the text gives it the value that it had.
    /// </summary>
    public void Rewrite(JsonElement source)
    {
        var before = spec;
        spec = Copy(source);
        typed.Clear();
        var changed = varied.Keys.Where(p => !JsonNode.DeepEquals(At(before, p), At(spec, p)) || At(spec, p) is null).ToList();
        foreach (var path in changed) varied.Remove(path);
    }

    /// <summary>The fields that have several values, with them.</summary>
    public IReadOnlyList<(string Path, IReadOnlyList<string> Values)> Variations => [.. varied.Keys.Select(p => (p, Values(p)))];

    /// <summary>The same as it was typed.</summary>
    public IReadOnlyDictionary<string, string> VariedTexts => varied;

    private static JsonNode? At(JsonObject from, string path)
    {
        var (section, name) = Split(path);
        return (from[section] as JsonObject)?[name];
    }

    public JsonElement ToJson() => JsonSerializer.SerializeToElement(spec);

    /// <summary>The chosen entry of a section; null where it has no choices or names none of them.</summary>
    public CatalogEntry? Choice(CatalogSection section)
    {
        var name = (spec[section.Key] as JsonObject)?["name"];
        return name?.GetValueKind() == JsonValueKind.String ? section.Choices.FirstOrDefault(c => c.Name == name.GetValue<string>()) : null;
    }

    /// <summary>Takes another entry of a section. What was changed stays where the new entry has a parameter of the same name.</summary>
    public void Choose(CatalogSection section, string name)
    {
        var before = spec[section.Key] as JsonObject ?? [];
        var old = (Choice(section)?.Parameters ?? []).ToDictionary(p => p.Name);
        var entry = section.Choices.FirstOrDefault(c => c.Name == name);
        var after = new JsonObject { ["name"] = name };
        foreach (var parameter in section.Parameters.Concat(entry?.Parameters ?? []))
        {
            if (!before.TryGetPropertyValue(parameter.Name, out var value)) continue;
            var own = section.Parameters.Contains(parameter);
            if (own || old.TryGetValue(parameter.Name, out var was) && value?.ToJsonString() != was.Default?.GetRawText())
                after[parameter.Name] = value?.DeepClone();
        }
        spec[section.Key] = after;
        foreach (var path in typed.Keys.Concat(varied.Keys).Where(p => p.StartsWith(section.Key + ".", StringComparison.Ordinal)).ToList())
        {
            if (after.ContainsKey(path[(section.Key.Length + 1)..])) continue;
            typed.Remove(path);
            varied.Remove(path);
        }
    }

    /// <summary>What the field shows: what was typed, else the spec's value, else the default.</summary>
    public string Text(string path, CatalogParameter parameter)
    {
        if (typed.TryGetValue(path, out var text)) return text;
        var (section, name) = Split(path);
        if (spec[section] is JsonObject part && part.TryGetPropertyValue(name, out var value)) return FieldValue.Text(value);
        return parameter.Default is { } usual ? FieldValue.Text(JsonNode.Parse(usual.GetRawText())) : "";
    }

    public void Set(string path, CatalogParameter parameter, string text)
    {
        typed[path] = text;
        var (section, name) = Split(path);
        if (spec[section] is not JsonObject part) spec[section] = part = [];
        // An empty optional field is an unset one.
        if (text.Trim().Length == 0 && parameter.Optional && parameter.Default is null) part.Remove(name);
        else part[name] = FieldValue.Parse(parameter.Type, text);
    }

    public bool IsVaried(string path) => varied.ContainsKey(path);

    public string VariedText(string path) => varied.GetValueOrDefault(path, "");

    /// <summary>Gives a field several values (separated by commas), or with null one again.</summary>
    public void Vary(string path, string? values)
    {
        if (values is null) varied.Remove(path);
        else varied[path] = values;
    }

    /// <summary>The field's values to try, in the order given; empty where it is not varied.</summary>
    public IReadOnlyList<string> Values(string path)
        => varied.TryGetValue(path, out var text)
            ? [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct()]
            : [];

    /// <summary>The grid of a submission: only fields with at least one value.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<JsonElement>>? Grid()
    {
        var grid = new Dictionary<string, IReadOnlyList<JsonElement>>();
        foreach (var path in varied.Keys)
        {
            var values = Values(path).Select(v => JsonSerializer.SerializeToElement(FieldValue.Parse(TypeOf(path), v))).ToList();
            if (values.Count > 0) grid[path] = values;
        }
        return grid.Count > 0 ? grid : null;
    }

    public long Combinations => varied.Keys.Aggregate(1L, (product, path) => product * Math.Max(1, Values(path).Count));

    private string TypeOf(string path)
    {
        var (key, name) = Split(path);
        var section = catalog.Sections.First(s => s.Key == key);
        return section.Parameters.Concat(section.Choices.SelectMany(c => c.Parameters)).FirstOrDefault(p => p.Name == name)?.Type ?? "text";
    }

    private static (string Section, string Name) Split(string path)
    {
        var dot = path.IndexOf('.', StringComparison.Ordinal);
        return (path[..dot], path[(dot + 1)..]);
    }

    private static JsonObject Copy(JsonElement element)
        => element.ValueKind == JsonValueKind.Object ? JsonObject.Create(element.Clone())!.DeepClone().AsObject() : [];
}
