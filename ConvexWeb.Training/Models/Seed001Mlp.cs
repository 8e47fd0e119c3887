using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Models;

/// <summary>
/// The dense networks of seed 001's code. Source: sarthak395/SMAI-Project, Code.py (science.md S8a.1).
/// [B, 3072] → 1000 → 800 → 800 → K, dropout behind each hidden activation.
/// Exact counts for CIFAR: plain 4,522,610 (K = 10), 4,594,700 (K = 100); ioc and twin, with their two BatchNorms, 4,525,810 (K = 10).
/// </summary>
[Choice("seed001_mlp")]
public sealed record Seed001MlpOptions : ModelOptions
{
    [Parameter("plain: ReLU, no normalisation; ioc: behind the first layer ReLU, behind the others BatchNorm and ELU, for a constraint; "
        + "twin: the same with ReLU throughout, which the source lacks: its comparison is of ioc with plain.")]
    public Seed001Layout Layout { get; init; } = Seed001Layout.Plain;

    [Parameter("Share of hidden units dropped after each activation while training; the source's value is not known.", Min = 0, Max = 0.95)]
    public double Dropout { get; init; }

    internal override string SizeParameter => "layout";

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        // The source constrains hidden and output weights; BatchNorm's scales and biases are free there.
        var plan = new Plan(images.Shape, convexity);
        var x = plan.Flatten("flatten", plan.Input);
        long[] widths = [1000, 800, 800];
        for (var i = 1; i <= widths.Length; i++)
        {
            x = plan.Linear($"fc{i}", x, widths[i - 1]);
            if (i > 1 && Layout != Seed001Layout.Plain) x = plan.BatchNorm($"bn{i}", x);
            var function = i > 1 && Layout == Seed001Layout.Ioc ? ActivationFunction.Elu : ActivationFunction.Relu;
            x = plan.Dropout($"drop{i}", plan.Activation($"act{i}", x, function), Dropout);
        }
        plan.Linear("fc4", x, images.Classes);
        return plan;
    }
}

/// <summary>The three dense networks around seed 001.</summary>
public enum Seed001Layout
{
    Plain,
    Ioc,
    Twin,
}
