using System.CommandLine;
using System.Text.Json;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Theory;

namespace ConvexWeb.Training.Cli;

/// <summary><c>loss-convexity [--layers L] [--json]</c>: the Hessian of a deep linear network's squared loss.</summary>
internal static class LossConvexityCommand
{
    private static readonly JsonSerializerOptions Indented = new(EventJsonForm.Options) { WriteIndented = true };

    public static Command Create()
    {
        var layers = TheoremOneCommand.Number("--layers", "Weight matrices", 2);
        var width = TheoremOneCommand.Number("--width", "Units of each hidden layer", 8);
        var inputs = TheoremOneCommand.Number("--inputs", "Inputs of the network", 8);
        var seed = TheoremOneCommand.Number("--seed", "Of the data set and the random place", 0);
        var json = new Option<bool>("--json") { Description = "As JSON, with the loss along the eigenvectors" };
        var command = new Command("loss-convexity",
            "Shows that the squared loss of a deep linear network is not convex in its weights. Nothing is trained.")
        {
            layers, width, inputs, seed, json,
        };
        command.SetAction((parsed, cancel) => Task.FromResult(Report(
            LossConvexity.Run(
                TheoremOneCommand.Within("--layers", parsed.GetValue(layers), 1, LossConvexity.MostLayers),
                TheoremOneCommand.Within("--width", parsed.GetValue(width), 1, LossConvexity.MostWidth),
                TheoremOneCommand.Within("--inputs", parsed.GetValue(inputs), 1, LossConvexity.MostInputs),
                (ulong)TheoremOneCommand.Within("--seed", parsed.GetValue(seed), 0, int.MaxValue), TimeProvider.System, cancel),
            parsed.GetValue(json))));
        return command;
    }

    private static int Report(LossConvexityReport report, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(report, Indented));
            return ExitCodes.Done;
        }
        Console.WriteLine(report.Claim);
        Console.WriteLine(report.Says);
        Console.WriteLine(
            $"{report.Inputs} inputs, {report.Outputs} outputs, {report.Samples} seeded points; hidden layers of {report.Width}, "
            + $"seed {report.Seed}");
        foreach (var at in report.Cases)
        {
            var matrices = at.Layers == 1 ? "1 matrix" : $"{at.Layers} matrices";
            Console.WriteLine(
                $"{matrices + ", " + (at.Place == HessianPlace.AtRandom ? "at a small random place" : "at 0"),-42}eigenvalues from "
                + $"{at.SmallestEigenvalue:0.######} to {at.LargestEigenvalue:0.######} ({at.Parameters} weights, {at.Steps} steps of "
                + $"Lanczos, residual {at.Residual:0.#e+0}{(at.IsConverged ? "" : ", not converged")})");
            Console.WriteLine($"  {at.Says}");
        }
        return ExitCodes.Done;
    }
}
