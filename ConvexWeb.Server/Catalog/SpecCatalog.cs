using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Server.Catalog;

/// <summary>The catalogues of Training as pages and API see them. They do not change while the program runs.</summary>
public sealed class SpecCatalog : ICatalog
{
    private static readonly Lazy<CatalogView> View = new(Build);

    public CatalogView Get() => View.Value;

    public SpecCheck Check(JsonElement spec)
    {
        var reading = SpecReader.Read(spec);
        return reading.Spec is { } valid
            ? new([], Estimate(valid))
            : new(Problems.Cut([.. reading.Problems.Select(problem => new FieldProblem(problem.Path, problem.Message))]), null);
    }

    private static SpecEstimate Estimate(Spec spec)
    {
        var description = Description.Of(spec);
        return new(
            description.Parameters, description.TrainImages, description.StepsPerEpoch, description.TotalSteps,
            description.FlopPerStep / 1e9,
            [.. description.Layers.Select(layer => new LayerView(
                layer.Name, layer.Kind, layer.Output, layer.Parameters, layer.Constrained))]);
    }

    private static CatalogView Build() => new(
        [.. Catalogue.Sections.Select(section => new CatalogSection(
            section.Key, section.Title, section.Summary,
            [.. section.Choices.Select(entry => new CatalogEntry(
                entry.Name, entry.Title, entry.Source, entry.Summary, [.. entry.Parameters.Select(ToView)]))],
            [.. section.Parameters.Select(ToView)]))],
        [.. Presets.All.Select(preset => new PresetView(
            preset.Name, preset.Title, preset.Group, preset.Source, preset.Summary, preset.Notes.Resolved, preset.Notes.Differs,
            ToElement(preset.Spec), preset.NeedsGpu)
        {
            Varied = preset.Study?.Varied,
            Seeds = preset.Study?.Seeds,
        })],
        ToElement(new Spec()));

    private static CatalogParameter ToView(Parameter parameter) => new(
        parameter.Name, parameter.Title, NameOf(parameter.Type), parameter.Min, parameter.Max,
        parameter.Default is null ? null : JsonSerializer.SerializeToElement(SpecWriter.ValueToJson(parameter.Default)),
        parameter.Allowed, parameter.Help, parameter.Optional);

    private static JsonElement ToElement(Spec spec) => JsonSerializer.SerializeToElement(SpecWriter.ToJson(spec));

    public static string NameOf(ParameterType type) => JsonNamingPolicy.SnakeCaseLower.ConvertName(type.ToString());
}
