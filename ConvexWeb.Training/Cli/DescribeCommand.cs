using System.CommandLine;
using System.Text.Json;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Models;

namespace ConvexWeb.Training.Cli;

/// <summary><c>describe SPEC [--json]</c>: layers, output shapes, parameter counts, which tensors are constrained.</summary>
internal static class DescribeCommand
{
    private static readonly JsonSerializerOptions Indented = new(EventWriter.Json) { WriteIndented = true };

    public static Command Create()
    {
        var spec = SpecArgument.Create();
        var json = new Option<bool>("--json") { Description = "As JSON" };
        var command = new Command("describe", "Shows the layers, shapes and parameter counts of a spec, and which tensors its constraint covers.") { spec, json };
        command.SetAction(parsed => Run(Description.Of(SpecArgument.Load(parsed.GetValue(spec)!)), parsed.GetValue(json)));
        return command;
    }

    private static int Run(Description description, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(description, Indented));
            return ExitCodes.Done;
        }
        Console.WriteLine($"{"layer",-10}{"kind",-14}{"output",-16}{"parameters",14}  constrained");
        foreach (var layer in description.Layers)
            Console.WriteLine($"{layer.Name,-10}{layer.Kind,-14}{layer.Output,-16}{layer.Parameters,14:N0}  {string.Join(", ", layer.Constrained)}");
        Console.WriteLine();
        Console.WriteLine($"{description.Parameters:N0} parameters; {description.TrainImages:N0} training images; {description.StepsPerEpoch:N0} steps an epoch, {description.TotalSteps:N0} in all; {description.FlopPerStep / 1e9:0.##} GFLOP a step");
        return ExitCodes.Done;
    }
}
