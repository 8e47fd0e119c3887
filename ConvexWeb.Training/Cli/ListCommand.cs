using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Cli;

/// <summary><c>list models|datasets|…|presets [--json]</c>: the catalogues.</summary>
internal static class ListCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create()
    {
        var what = new Argument<string>("CATALOGUE")
        {
            Description = "models, datasets, corruptions, constraints, optimizers, schedules or presets",
        };
        what.AcceptOnlyFromAmong([.. Catalogue.Sections.Where(s => s.Choices.Count > 0).Select(s => s.Plural), "presets"]);
        var json = new Option<bool>("--json") { Description = "As JSON, with the parameters of each entry" };
        var command = new Command("list", "Lists a catalogue.") { what, json };
        command.SetAction(parsed => Run(parsed.GetValue(what)!, parsed.GetValue(json)));
        return command;
    }

    /// <summary>What is said of a preset besides its name, source and summary.</summary>
    internal static JsonObject Detail(Preset preset) => new()
    {
        ["group"] = preset.Group,
        ["resolved"] = preset.Notes.Resolved,
        ["differs"] = preset.Notes.Differs,
        ["needs_gpu"] = preset.NeedsGpu,
        ["varied"] = preset.Study is null ? null
            : new JsonObject(preset.Study.Varied.Select(field => KeyValuePair.Create(field.Key, (JsonNode?)JsonValue.Create(field.Value)))),
        ["seeds"] = preset.Study?.Seeds,
        ["spec"] = SpecWriter.ToJson(preset.Spec),
    };

    private static int Run(string what, bool json)
    {
        var items = what == "presets"
            ? Presets.All.Select(p => (p.Name, p.Source, Summary: p.NeedsGpu ? p.Summary + " Meant for a GPU." : p.Summary,
                Detail: (JsonNode)Detail(p))).ToList()
            : Catalogue.Sections.Single(s => s.Plural == what).Choices.Select(e => (e.Name, e.Source, e.Summary,
                Detail: (JsonNode)new JsonObject { ["parameters"] = Parameters(e) })).ToList();
        if (json)
        {
            var list = new JsonArray([.. items.Select(i =>
            {
                var entry = new JsonObject { ["name"] = i.Name, ["source"] = i.Source, ["summary"] = i.Summary };
                foreach (var (key, value) in i.Detail.AsObject().ToList()) entry[key] = value?.DeepClone();
                return (JsonNode)entry;
            })]);
            Console.WriteLine(list.ToJsonString(Indented));
            return ExitCodes.Done;
        }
        var width = items.Max(i => i.Name.Length) + 2;
        foreach (var (name, source, summary, _) in items)
            Console.WriteLine($"{name.PadRight(width)}{summary}{(source.Length > 0 ? $"  [{source}]" : "")}");
        return ExitCodes.Done;
    }

    private static JsonArray Parameters(Entry entry) => new([.. entry.Parameters.Select(p => (JsonNode)new JsonObject
    {
        ["name"] = p.Name,
        ["type"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Type.ToString()),
        ["default"] = SpecWriter.ValueToJson(p.Default),
        ["min"] = p.Min,
        ["max"] = p.Max,
        ["allowed"] = p.Allowed is null ? null : new JsonArray([.. p.Allowed.Select(a => (JsonNode)a)]),
        ["optional"] = p.Optional,
        ["help"] = p.Help,
    })]);
}
