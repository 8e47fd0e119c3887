using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// A convex head on a free convolutional network: y = IOC-MLP(φ(x)).
/// Source: seed 000 s6 (science.md S7b); no published number, sizes are ours.
/// [B, C, H, W] → 3 × (Conv 3×3 → BN → ReLU → MaxPool 2; 32, 64, 128 channels)
/// → features [B, d] → the MLP of S2 (3 × 800) → [B, K].
/// Convex in the features, not in the pixels: the certificate is made in feature space, and must fail on images. With a convex body (its
/// activation that of the head, its first convolution free) the same network is convex in the pixels: the third of S7b's comparison.
/// </summary>
[Choice("convex_head")]
public sealed record ConvexHeadOptions : ModelOptions
{
    [Parameter("Channels of the first convolution; the next ones have two and four times as many.", Min = 1, Max = 512)]
    public int Channels { get; init; } = 32;

    [Parameter("Units of each hidden layer of the head.", Min = 1, Max = 8192)]
    public int Width { get; init; } = 800;

    [Parameter("Hidden layers of the head.", Min = 1, Max = 8)]
    public int Depth { get; init; } = 3;

    [Parameter("Of the head. auto: ReLU without a constraint, ELU with one.",
        Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("free: the constraint holds in the head alone; convex: in the body too, behind its first convolution.")]
    public BodyKind Body { get; init; } = BodyKind.Free;

    internal override string SizeParameter => "width";

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var free = Body == BodyKind.Free;
        var activation = free ? ActivationFunction.Relu : Resolve(Activation, convexity, ActivationFunction.Relu);
        var plan = new Plan(images.Shape, convexity) { IsFree = free };
        var x = plan.Input;
        for (var i = 1; i <= 3; i++)
        {
            x = plan.BatchNorm($"body.bn{i}", plan.Conv2d($"body.conv{i}", x, (long)Channels << (i - 1), 3, padding: 1));
            x = plan.MaxPool($"body.pool{i}", plan.Activation($"body.act{i}", x, activation), 2, 2);
        }
        x = plan.Flatten("body.flatten", x);
        if (free) x = plan.BeginFeatures("features", x);
        plan.IsFree = false;
        return new MlpOptions { Width = Width, Depth = Depth, Activation = Activation }.Behind(plan, x, "head.", images.Classes);
    }
}

/// <summary>Where the constraint of a convex head holds.</summary>
public enum BodyKind
{
    Free,
    Convex,
}
