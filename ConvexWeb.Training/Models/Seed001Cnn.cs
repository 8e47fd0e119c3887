using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// The convolutional network of seed 001's code, called AlexNet there. Source: sarthak395/SMAI-Project, Code.py (science.md S8a.1).
/// [B, 3, 32, 32] → 3 × (conv 3 × 3 with 64, 128, 256 channels → act → pool 2) → 4096 → dropout → 128 → act → K.
/// Exact counts: 896,522 (K = 10), 908,132 (K = 100).
/// </summary>
[Choice("seed001_cnn")]
public sealed record Seed001CnnOptions : ModelOptions
{
    [Parameter("auto: ReLU without a constraint, ELU with one.", Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("Share of values dropped before the first dense layer, the only place; the source's value is not known.",
        Min = 0, Max = 0.95)]
    public double Dropout { get; init; }

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var plan = new Plan(images.Shape, convexity);
        var activation = Resolve(Activation, convexity);
        var x = plan.ChannelsLast("layout", plan.Input);
        for (var i = 1; i <= 3; i++)
        {
            x = plan.Activation($"act{i}", plan.Conv2d($"conv{i}", x, 32L << i, 3, padding: 1), activation);
            x = plan.MaxPool($"pool{i}", x, 2, 2);
        }
        x = plan.Dropout("drop", plan.Flatten("flatten", x), Dropout);
        x = plan.Activation("act4", plan.Linear("fc1", x, 128), activation);
        plan.Linear("fc2", x, images.Classes);
        return plan;
    }
}
