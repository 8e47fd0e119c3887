using System.Text.Json;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Studies;

/// <summary>What was typed into the form of a new experiment, as it is kept while a browser is away for long.</summary>
/// <param name="Start">With what the form began.</param>
/// <param name="Varied">By the fields' paths, as it was typed.</param>
/// <param name="Json">The spec as text, where that is shown; it may be no spec yet.</param>
public sealed record TypedExperiment(
    string? Start, string Preset, JsonElement Spec, IReadOnlyDictionary<string, string> Varied, string? Json, string? Name, string Seeds,
    Priority Priority);
