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
        }
        var data = Part(spec, "data");
        var preprocessing = Word(data, "preprocessing") ?? "auto";
        if (preprocessing == "zca" || preprocessing == "auto" && isConstrained)
        {
            if (data is null) spec["data"] = data = new JsonObject { ["name"] = "glyphs" };
            Default(data, "zca_eps", 0.1);
            if (Part(spec, "augmentation") is { Count: > 0 }) Default(data, "zca_first", true);
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

    private static JsonObject? Part(JsonObject spec, string name) => spec[name] as JsonObject;

    private static string? Word(JsonObject? part, string name)
        => part?[name] is JsonValue value && value.TryGetValue(out string? word) ? word : null;

    private static bool IsOn(JsonObject? part, string name) => part?[name] is JsonValue value && value.TryGetValue(out double p) && p > 0;

    private static void Default<T>(JsonObject part, string name, T value)
    {
        if (!part.ContainsKey(name)) part[name] = JsonValue.Create(value);
    }
}
