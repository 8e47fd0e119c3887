using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Specs;

/// <summary>One wrong field: its dotted path, and one sentence that says what is allowed.</summary>
public sealed record SpecProblem(string Path, string Message)
{
    /// <summary>The message, with the path in it, for where no field stands beside it.</summary>
    public string Sentence => Path.Length == 0 || Message.Contains(Path, StringComparison.Ordinal) ? Message : $"{Path}: {Message}";
}

/// <summary>A spec, or all of its problems.</summary>
public sealed record SpecReading(Spec? Spec, IReadOnlyList<SpecProblem> Problems);

/// <summary>
/// The one way from JSON to a valid spec, used by form, API, command line and trainer alike.
/// It finds every problem, not just the first.
/// </summary>
public static class SpecReader
{
    private const int MaxDepth = 16;

    /// <summary>Reads JSON text; text that is not JSON is one problem with an empty path.</summary>
    public static SpecReading Read(string json) => Read(json, Read);

    /// <summary>
    /// Reads the spec of a checkpoint, to say what its weights are: one that names no version is of the first, and rules about how to train
    /// do not count. To train it is another matter: <see cref="SpecVersions.Stamped"/> and <see cref="Read(string)"/>.
    /// </summary>
    public static SpecReading ReadStored(string json) => Read(json, element =>
        Broken(element) is { } broken ? new(null, broken)
            : !element.TryGetProperty(SpecVersions.Field, out var version) || IsNumber(version, SpecVersions.First)
                ? ReadCurrent(JsonSerializer.SerializeToElement(SpecVersions.Upgraded(element)), isStored: true)
                : ReadCurrent(element, isStored: true));

    private static bool IsNumber(JsonElement value, int number)
        => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var given) && given == number;

    private static SpecReading Read(string json, Func<JsonElement, SpecReading> read)
    {
        try
        {
            using var document = JsonDocument.Parse(JsonText.QuoteNonFinite(json), new JsonDocumentOptions { MaxDepth = 4 * MaxDepth });
            return read(document.RootElement);
        }
        catch (JsonException e)
        {
            var place = $"line {e.LineNumber + 1}, position {e.BytePositionInLine + 1}";
            return new(null, [new("", $"The spec is not valid JSON ({place}); it must be one JSON object.")]);
        }
    }

    public static SpecReading Read(JsonElement json)
    {
        if (Broken(json) is { } broken) return new(null, broken);
        if (!json.TryGetProperty(SpecVersions.Field, out var version)) return ReadUnversioned(json);
        return IsNumber(version, SpecVersions.Current) ? ReadCurrent(json)
            : IsNumber(version, SpecVersions.First) ? ReadFirst(json)
            : new(null, [new(SpecVersions.Field,
                $"{SpecVersions.Field} must be {SpecVersions.Current}, or {SpecVersions.First} for a spec of the first version; "
                + $"got {Show(version)}.")]);
    }

    /// <summary>What keeps JSON from being looked at as a spec at all; null where nothing does.</summary>
    private static List<SpecProblem>? Broken(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            var sections = Words(Catalogue.Sections.Select(s => s.Key));
            return [new("", $"The spec must be a JSON object with the sections {sections}; got {Show(json)}.")];
        }
        if (JsonText.BrokenText(json) is { } broken)
            return
            [
                new(broken, $"{(broken.Length == 0 ? "A name in the spec" : broken)} holds half of a surrogate pair, which is no text."),
            ];
        if (IsDeeper(json, MaxDepth)) return [new("", $"The spec is nested too deeply; at most {MaxDepth} levels are allowed.")];
        // JSON allows a name twice and most readers take the last: here it is a problem, since one of the two was not meant.
        var twice = Twice(json, "").Concat(json.EnumerateObject().SelectMany(field => Twice(field.Value, field.Name)))
            .Select(path => new SpecProblem(path, $"{path} is given more than once.")).ToList();
        return twice.Count > 0 ? twice : null;
    }

    private static IEnumerable<string> Twice(JsonElement json, string path)
        => json.ValueKind != JsonValueKind.Object ? [] : json.EnumerateObject()
            .GroupBy(field => field.Name, StringComparer.Ordinal).Where(group => group.Skip(1).Any())
            .Select(group => path.Length == 0 ? group.Key : $"{path}.{group.Key}");

    // A short spec means the current version, and a file that was kept from the first means that one: where both mean the same,
    // nothing needs to be said, and where not, it is never silently another run.
    private static SpecReading ReadUnversioned(JsonElement json)
    {
        var current = ReadCurrent(json);
        if (current.Spec is null) return current;
        var first = ReadFirst(json);
        var (now, then) = (SpecWriter.ToJson(current.Spec), first.Spec is null ? null : SpecWriter.ToJson(first.Spec));
        if (JsonNode.DeepEquals(now, then)) return current;
        var changed = then is null
            ? [first.Problems[0].Path]
            : Catalogue.Sections.SelectMany(section => now[section.Key]!.AsObject()
                .Where(field => !JsonNode.DeepEquals(field.Value, then[section.Key]![field.Key]))
                .Select(field => $"{section.Key}.{field.Key} ({Shown(then[section.Key]![field.Key])} then, {Shown(field.Value)} now)"));
        return new(null, [new(SpecVersions.Field,
            $"{SpecVersions.Field} is missing, and this spec meant something else in the first version: {Words(changed)}. "
            + $"Write \"{SpecVersions.Field}\": {SpecVersions.Current}, or {SpecVersions.First} for the run of the first version.")]);
    }

    private static string Shown(JsonNode? value) => value?.ToJsonString() ?? "empty";

    private static SpecReading ReadFirst(JsonElement json)
        => SpecVersions.Lost(json) is { } lost
            ? new(null, [lost])
            : ReadCurrent(JsonSerializer.SerializeToElement(SpecVersions.Upgraded(json)));

    private static SpecReading ReadCurrent(JsonElement json, bool isStored = false)
    {
        var problems = new List<SpecProblem>();
        var spec = new Spec();
        foreach (var field in json.EnumerateObject())
        {
            if (field.Name == SpecVersions.Field) continue;
            if (Catalogue.Sections.FirstOrDefault(s => s.Key == field.Name) is not { } section)
                problems.Add(new(field.Name,
                    $"{field.Name} is not a section of a spec; the sections are {Words(Catalogue.Sections.Select(s => s.Key))}."));
            else if (ReadSection(section, field.Value, problems) is { } options)
                PropertyOf(section).SetValue(spec, options);
        }
        if (problems.Count == 0) problems.AddRange(SpecRules.Check(spec, isStored));
        return problems.Count == 0 ? new(spec, []) : new(null, problems);
    }

    internal static PropertyInfo PropertyOf(Section section)
        => typeof(Spec).GetProperties().Single(p => Schema.NameOf(p.Name) == section.Key);

    private static object? ReadSection(Section section, JsonElement json, List<SpecProblem> problems)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            var example = section.Choices.Count > 0 ? $", for example {{\"name\": \"{section.Choices[0].Name}\"}}" : "";
            problems.Add(new(section.Key, $"{section.Key} must be an object{example}; got {Show(json)}."));
            return null;
        }
        if (section.Options is { } plain) return Fill(plain, section.Key, section.Key, section.Parameters, json, problems);

        var path = section.Key + ".name";
        var names = Words(section.Choices.Select(c => c.Name));
        if (!json.TryGetProperty("name", out var name))
        {
            problems.Add(new(path, $"{path} is missing; it must be one of {names}."));
            return null;
        }
        if (name.ValueKind != JsonValueKind.String || section.Find(name.GetString()!) is not { } entry)
        {
            problems.Add(new(path, $"{path} must be one of {names}; got {Show(name)}."));
            return null;
        }
        return Fill(entry.Options, section.Key, $"{section.Key} {entry.Name}", entry.Parameters, json, problems);
    }

    private static object? Fill(
        Type type, string path, string what, IReadOnlyList<Parameter> parameters, JsonElement json, List<SpecProblem> problems)
    {
        var options = Activator.CreateInstance(type)!;
        var before = problems.Count;
        foreach (var field in json.EnumerateObject())
        {
            if (field.Name == "name" && typeof(ChoiceOptions).IsAssignableFrom(type)) continue;
            var at = $"{path}.{field.Name}";
            if (parameters.FirstOrDefault(p => p.Name == field.Name) is not { } parameter)
                problems.Add(new(at,
                    $"{at} is not a field of {what}; "
                    + $"{(parameters.Count == 0 ? "it has none" : "its fields are " + Words(parameters.Select(p => p.Name)))}."));
            else if (ParameterReader.Read(parameter, at, field.Value, problems) is var (ok, value) && ok)
                parameter.Property.SetValue(options, value);
        }
        return problems.Count == before ? options : null;
    }

    private static bool IsDeeper(JsonElement json, int levels) => json.ValueKind switch
    {
        JsonValueKind.Object => levels == 0 || json.EnumerateObject().Any(field => IsDeeper(field.Value, levels - 1)),
        JsonValueKind.Array => levels == 0 || json.EnumerateArray().Any(item => IsDeeper(item, levels - 1)),
        _ => false,
    };

    internal static string Words(IEnumerable<string> words) => string.Join(", ", words);

    /// <summary>A value as it stands in a message: short, whatever was sent.</summary>
    internal static string Show(JsonElement value)
    {
        var text = value.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "a list",
            JsonValueKind.Null => "null",
            _ => value.GetRawText(),
        };
        return text.Length <= 40 ? text : text[..37] + "…";
    }
}
