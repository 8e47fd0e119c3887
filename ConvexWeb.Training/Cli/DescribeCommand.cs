using System.CommandLine;
using System.Text.Json;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Cli;

/// <summary><c>describe SPEC [--json]</c>: layers, output shapes, parameter counts, which tensors are constrained.</summary>
internal static class DescribeCommand
{
    private static readonly JsonSerializerOptions Indented = new(EventJsonForm.Options) { WriteIndented = true };

    public static Command Create()
    {
        var spec = SpecArgument.Create();
        var json = new Option<bool>("--json") { Description = "As JSON" };
        var command = new Command("describe",
            "Shows the layers, shapes and parameter counts of a spec, and which tensors its constraint covers.") { spec, json };
        command.SetAction(parsed =>
        {
            var what = parsed.GetValue(spec)!;
            return Run(SpecArgument.Load(what), SpecArgument.PresetOf(what), parsed.GetValue(json));
        });
        return command;
    }

    private static int Run(Spec spec, Preset? preset, bool json)
    {
        var description = Description.Of(spec);
        if (json)
        {
            var node = JsonSerializer.SerializeToNode(description, Indented)!;
            if (preset is not null)
            {
                var about = ListCommand.Detail(preset);
                (about["name"], about["source"], about["summary"]) = (preset.Name, preset.Source, preset.Summary);
                node["preset"] = about;
            }
            Console.WriteLine(node.ToJsonString(Indented));
            return ExitCodes.Done;
        }
        if (preset is not null)
            Console.WriteLine(
                $"{preset.Title}: {preset.Summary}\nSource:   {preset.Source}\nResolved: {preset.Notes.Resolved}\n"
                + $"Differs:  {preset.Notes.Differs}\n");
        var (name, kind, output) = (Width(l => l.Name), Width(l => l.Kind), Width(l => l.Output));
        Console.WriteLine(
            $"{"layer".PadRight(name)}{"kind".PadRight(kind)}{"output".PadRight(output)}{"parameters",14}  "
            + $"{"in the input",-14}constrained");
        foreach (var layer in description.Layers)
            Console.WriteLine(
                $"{layer.Name.PadRight(name)}{layer.Kind.PadRight(kind)}{layer.Output.PadRight(output)}{layer.Parameters,14:N0}  "
                + $"{layer.Standing,-14}{string.Join(", ", layer.Constrained)}{(layer.Breaks is null ? "" : $"  ✗ {layer.Breaks}")}");
        Console.WriteLine();
        Console.WriteLine(
            $"{description.Parameters:N0} parameters; {description.TrainImages:N0} training images; "
            + $"{description.StepsPerEpoch:N0} steps an epoch, {description.TotalSteps:N0} in all; "
            + $"{description.FlopPerStep / 1e9:0.##} GFLOP a step, about {description.MemoryMb:N0} MB of memory");
        if (Sampling.Told(spec.Training.Sampler, description.TrainImages) is { } told) Console.WriteLine(told);
        return ExitCodes.Done;

        int Width(Func<Layer, string> text) => description.Layers.Max(l => text(l).Length) + 2;
    }
}
