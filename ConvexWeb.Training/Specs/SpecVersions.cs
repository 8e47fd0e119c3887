using System.Text.Json;
using System.Text.Json.Nodes;

namespace ConvexWeb.Training.Specs;

/// <summary>
/// What the fields of a spec mean has changed once, when recipes were corrected to their sources (science.md S1 to S7). A spec says in
/// <c>spec_version</c> which meaning it has; one of version 1 is rewritten so that it trains what it always did, or refused.
/// </summary>
public static class SpecVersions
{
    public const string Field = "spec_version";
    public const int First = 1;
    public const int Current = 2;

    /// <summary>The JSON of a stored spec with its version in it: one that names none is of the first.</summary>
    public static string Stamped(string stored)
    {
        var spec = JsonNode.Parse(stored)!.AsObject();
        if (spec.ContainsKey(Field)) return stored;
        spec.Insert(0, Field, First);
        return spec.ToJsonString();
    }

    /// <summary>A spec of the first version in the words of the current one: what had another default then is written out.</summary>
    internal static JsonObject Upgraded(JsonElement first)
    {
        var spec = JsonObject.Create(first)!.DeepClone().AsObject();
        spec[Field] = Current;
        var model = Part(spec, "model");
        var isConstrained = Word(Part(spec, "convexity"), "name") is { } constraint && constraint != "none";
        switch (Word(model, "name"))
        {
            case "cycle_mlp":
                Default(model!, "mode", "strict");
                if (isConstrained && Word(model, "mode") == "seed") Default(model!, "constrain_gate_biases", false);
                break;
            case "mixer":
                Default(model!, "mode", "strict");
                if (Word(model, "mode") == "seed") Default(model!, "norm_eps", 1e-6);
                break;
            case "densenet":
                if (IsOn(model, "dropout")) Default(model!, "dropout_after", "layer_end");
                break;
            case "efficientnet_b0":
                Default(model!, "drop_path", 0);
                break;
            case "ensemble_em":
                Default(model!, "gate_width", 100);
                break;
            case "ensemble_boost":
                Default(model!, "rule", "samme_restart");
                break;
        }
        var preprocessing = Word(Part(spec, "data"), "preprocessing") ?? "auto";
        var isWhitened = preprocessing == "zca" || preprocessing == "auto" && isConstrained;
        var augmentation = Part(spec, "augmentation");
        var isMoved = augmentation?["flip"] is JsonValue flip && flip.TryGetValue(out bool on) && on || IsOn(augmentation, "pad_crop");
        if (isWhitened && isMoved)
        {
            if (!spec.ContainsKey("data")) spec["data"] = new JsonObject { ["name"] = "glyphs" };
            if (Part(spec, "data") is { } data) Default(data, "zca_first", true);
        }
        return spec;
    }

    /// <summary>What no spec of the current version says, so that a run of the first one cannot be had again.</summary>
    internal static SpecProblem? Lost(JsonElement first)
    {
        var model = Part(JsonObject.Create(first)!, "model");
        return Word(model, "name") == "ensemble_boost" && Word(model, "expert") == "densenet" && IsOn(model, "dropout")
            ? new("model.dropout",
                "model.dropout of DenseNet experts stood behind the 3 × 3 convolutions only in version 1, and now stands behind each: "
                + $"write {Field} {Current}, or 0.")
            : null;
    }

    // Fields that the first version did not have and that it is written out with; and what was the default of others then.
    private static readonly string[] Added =
        ["dropout_after", "constrain_gate_biases", "norm_eps", "zca_first", "rule"];

    /// <summary>
    /// The value of a field that is left out of a seed group's key, since a spec of the first version has it without saying so: groups of
    /// earlier runs stay as they are, and a corrected recipe never joins one.
    /// </summary>
    /// <param name="whole">The spec's own JSON, every field filled in.</param>
    /// <returns>By section and field; what is not in it is left out at today's default.</returns>
    internal static IReadOnlyDictionary<(string Section, string Field), JsonNode?> Unsaid(JsonObject whole)
    {
        var first = whole.DeepClone().AsObject();
        var isEfficientNet = Word(Part(first, "model"), "name") == "efficientnet_b0";
        foreach (var (_, part) in first)
            if (part is JsonObject fields)
                foreach (var name in Added) fields.Remove(name);
        if (isEfficientNet) Part(first, "model")!.Remove("drop_path");
        first.Remove(Field);
        var then = Upgraded(JsonSerializer.SerializeToElement(first));
        var unsaid = new Dictionary<(string, string), JsonNode?>();
        foreach (var (section, part) in then)
            if (part is JsonObject fields)
                foreach (var (name, value) in fields)
                    if (Part(first, section)?.ContainsKey(name) != true) unsaid[(section, name)] = value;
        switch (Word(Part(first, "model"), "name"))
        {
            case "cycle_mlp" or "mixer": unsaid[("model", "mode")] = JsonValue.Create("strict"); break;
            case "ensemble_em": unsaid[("model", "gate_width")] = JsonValue.Create(100); break;
        }
        return unsaid;
    }

    private static JsonObject? Part(JsonObject spec, string name) => spec[name] as JsonObject;

    private static string? Word(JsonObject? part, string name)
        => part?[name] is JsonValue value && value.TryGetValue(out string? word) ? word : null;

    private static bool IsOn(JsonObject? part, string name) => part?[name] is JsonValue value && value.TryGetValue(out double p) && p > 0;

    private static void Default<T>(JsonObject part, string name, T value)
    {
        if (!part.ContainsKey(name)) part[name] = JsonValue.Create(value);
    }
}
