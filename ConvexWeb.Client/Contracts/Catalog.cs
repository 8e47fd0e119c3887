using System.Text.Json;

namespace ConvexWeb.Client.Contracts;

/// <summary>The schema of a spec, from which the form is drawn.</summary>
public sealed record CatalogView(IReadOnlyList<CatalogSection> Sections, IReadOnlyList<PresetView> Presets, JsonElement DefaultSpec);

/// <summary>
/// One section of the spec (<c>model</c>, <c>data</c>, …). With <see cref="Choices"/> the section's <c>name</c> field picks one of them
/// and its parameters follow; without, the section has only its own <see cref="Parameters"/>.
/// </summary>
public sealed record CatalogSection(
    string Key, string Title, string Summary, IReadOnlyList<CatalogEntry> Choices, IReadOnlyList<CatalogParameter> Parameters);

public sealed record CatalogEntry(string Name, string Title, string Source, string Summary, IReadOnlyList<CatalogParameter> Parameters);

/// <param name="Type">int, number, bool, text, choice, int_list or number_list.</param>
/// <param name="Default">The default as JSON; null where the field is optional and unset.</param>
public sealed record CatalogParameter(
    string Name, string Title, string Type, double? Min, double? Max, JsonElement? Default,
    IReadOnlyList<string>? Allowed, string Help, bool Optional);

/// <param name="Resolved">What the source leaves open, and what is done here.</param>
/// <param name="Differs">Where the preset is knowingly not what the source did.</param>
public sealed record PresetView(
    string Name, string Title, string Group, string Source, string Summary, string Resolved, string Differs, JsonElement Spec,
    bool NeedsGpu)
{
    /// <summary>Of a figure: what it varies, field path → values separated by commas; null for a single run.</summary>
    public IReadOnlyDictionary<string, string>? Varied { get; init; }

    /// <summary>Of a figure: its seeds, such as 0-2.</summary>
    public string? Seeds { get; init; }
}

/// <summary>What a spec costs, computed without training.</summary>
public sealed record SpecEstimate(
    long Parameters, long TrainImages, long StepsPerEpoch, long TotalSteps, double GigaflopPerStep, IReadOnlyList<LayerView> Layers);

/// <param name="Constrained">Names of this layer's tensors that the convexity constraint keeps non-negative.</param>
public sealed record LayerView(string Name, string Kind, string Output, long Parameters, IReadOnlyList<string> Constrained);

/// <summary>All problems of a spec (with an empty grid entry allowed), or its estimate.</summary>
public sealed record SpecCheck(IReadOnlyList<FieldProblem> Problems, SpecEstimate? Estimate);

public interface ICatalog
{
    CatalogView Get();
    SpecCheck Check(JsonElement spec);
}
