using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// The small AlexNet of the randomization tests. Source: Zhang et al. 2017, arXiv 1611.03530, App. A (science.md S8.3).
/// [B, 3, 28, 28] → conv 5 × 5 64 → act → pool 3 s2 [14] → LRN → conv 5 × 5 64 → act → pool 3 s2 [7] → LRN → 3136 → 384 → 192 → K.
/// Exact count for K = 10: 1,387,786. 64 channels and pools with stride 2 are what gives that count; LRN has no parameters, so its numbers
/// (TensorFlow's CIFAR tutorial) are not checked by it.
/// A convex twin has batch normalisation and no LRN, which divides by activations.
/// </summary>
[Choice("small_alexnet")]
public sealed record SmallAlexNetOptions : ModelOptions
{
    [Parameter("auto: ReLU without a constraint, ELU with one.", Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("Local response normalisation behind each pool: over 9 channels, α 0.001, β 0.75, k 1. It breaks input convexity.",
        Title = "Local response norm")]
    public bool Lrn { get; init; } = true;

    [Parameter("Batch normalisation before each activation: for the convex twin; the source has none.")]
    public bool BatchNorm { get; init; }

    [Parameter("Share of units dropped before the first dense layer.", Min = 0, Max = 0.95)]
    public double Dropout { get; init; }

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var plan = new Plan(images.Shape, convexity) { Initialisation = Initialisation.Pluskid };
        var activation = Resolve(Activation, convexity);
        var x = plan.ChannelsLast("layout", plan.Input);
        for (var i = 1; i <= 2; i++)
        {
            x = plan.Conv2d($"conv{i}", x, 64, 5, padding: 2);
            if (BatchNorm) x = plan.BatchNorm($"bn{i}", x);
            x = plan.MaxPool($"pool{i}", plan.Activation($"act{i}", x, activation), 3, 2, ceil: true);
            if (Lrn) x = plan.LocalResponseNorm($"lrn{i}", x, 9, 0.001, 0.75, 1);
        }
        x = plan.Dropout("drop", plan.Flatten("flatten", x), Dropout);
        long[] widths = [384, 192];
        for (var i = 1; i <= 2; i++)
        {
            x = plan.Linear($"fc{i}", x, widths[i - 1]);
            if (BatchNorm) x = plan.BatchNorm($"bn{i + 2}", x);
            x = plan.Activation($"act{i + 2}", x, activation);
        }
        plan.Linear("fc3", x, images.Classes);
        return plan;
    }
}
