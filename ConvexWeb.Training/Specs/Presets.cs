using ConvexWeb.Training.Specs.PresetLists;

namespace ConvexWeb.Training.Specs;

/// <summary>A named spec. One that reproduces a cell of a published table names that cell as its source.</summary>
/// <param name="Group">Heading in the form.</param>
/// <param name="Notes">What of it is the source's, and what is not.</param>
/// <param name="NeedsGpu">Hours to days on two cores: meant for a GPU.</param>
public sealed record Preset(
    string Name, string Title, string Group, string Source, string Summary, PresetNotes Notes, Spec Spec, bool NeedsGpu = false)
{
    /// <summary>What a figure varies, which makes the preset a study; null for a single cell.</summary>
    public PresetStudy? Study { get; init; }
}

/// <summary>The runs of a figure: every combination of the varied fields' values, for each seed.</summary>
/// <param name="Varied">Field path → its values, as they are typed.</param>
/// <param name="Seeds">As they are typed: 0-2.</param>
public sealed record PresetStudy(IReadOnlyDictionary<string, string> Varied, string Seeds);

/// <summary>How far a preset is the recipe of its source (science.md S1 to S13, A).</summary>
/// <param name="Resolved">What the source leaves open or contradicts itself in, and what is done here.</param>
/// <param name="Differs">Where the preset is knowingly not what the source did.</param>
public sealed record PresetNotes(string Resolved, string Differs)
{
    /// <summary>For presets of ours, which reproduce nothing.</summary>
    public static PresetNotes Ours { get; } = new("All of it: this is ours.", "There is no source to differ from.");
}

/// <summary>All presets: those of the published tables, and a small variant of each that trains in minutes on two cores.</summary>
public static class Presets
{
    private static readonly Lazy<IReadOnlyList<Preset>> List = new(() =>
    {
        IReadOnlyList<Preset> published =
        [
            .. MlpPresets.All, .. AllConvPresets.All, .. DenseNetPresets.All,
            .. MixerPresets.All, .. CycleMlpPresets.All, .. FurtherPresets.All,
            .. FigurePresets.All,
            .. RandomizationPresets.All, .. Seed001Presets.All, .. SdNetPresets.All, .. NeyshaburFigures.All,
            .. AnnealingPresets.All,
        ];
        return
        [
            .. DemoPresets.All, .. published, .. published.Select(SmallVariant.Of), .. EnsemblePresets.All, .. MemorisationStudies.All,
        ];
    });

    public static IReadOnlyList<Preset> All => List.Value;

    public static Preset? Find(string name) => All.FirstOrDefault(p => p.Name == name);
}
