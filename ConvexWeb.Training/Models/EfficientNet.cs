using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// EfficientNet-B0 and IOC-EfficientNet-B0. Source: Tan and Le, arXiv 1905.11946; convex variant by science.md S7a, no published number.
/// [B, 3, H, W] → stem 3×3 stride 2, 32 → inverted residual blocks (16, 24, 40, 80, 112, 192, 320 channels)
/// → 1×1 to 1280 → mean → dropout → Linear [B, K].
/// Exact counts with squeeze and excitation: K = 1000 5,288,548; K = 10 4,020,358.
/// Squeeze and excitation multiplies by a gate of the input and so breaks convexity;
/// a convex network drops it or keeps a learned scale for each channel.
/// </summary>
[Choice("efficientnet_b0")]
public sealed record EfficientNetOptions : ModelOptions
{
    private const double Eps = 1e-5;
    private const int SmallSide = 32;

    private static readonly (int Expand, long Kernel, long Stride, long Channels, int Repeat)[] Stages =
        [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)];

    [Parameter("auto: SiLU without a constraint, ELU with one.",
        Allowed = [Auto, Silu, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("What stands at squeeze and excitation. auto: the gate without a constraint, nothing with one; "
        + "scale: a learned factor for each channel.")]
    public SqueezeChoice SqueezeExcitation { get; init; } = SqueezeChoice.Auto;

    [Parameter("Share dropped before the last layer.", Min = 0, Max = 0.95)]
    public double Dropout { get; init; } = 0.2;

    [Parameter("Stochastic depth: share of samples for which the last block's branch would be dropped while training; "
        + "block i of 16, counted from 0, drops i/16 of it, where it has a shortcut (nine blocks).", Min = 0, Max = 0.9)]
    public double DropPath { get; init; } = 0.2;

    [Parameter("Stride of the stem; empty: 2 as in the source, and 1 for images of 32 pixels and less.", Min = 1, Max = 2)]
    public int? StemStride { get; init; }

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var plan = new Plan(images.Shape, convexity) { Initialisation = Initialisation.HeFanOut };
        var activation = Resolve(Activation, convexity, ActivationFunction.Silu);
        var stem = StemStride ?? (Math.Max(images.Height, images.Width) <= SmallSide ? 1 : 2);
        var x = ConvNorm(plan, "features.0", plan.Input, 32, 3, stem, 1, activation);
        var (done, all) = (0, Stages.Sum(stage => stage.Repeat));
        for (var s = 0; s < Stages.Length; s++)
        {
            var (expand, kernel, stride, channels, repeat) = Stages[s];
            for (var r = 0; r < repeat; r++, done++)
            {
                var drop = DropPath * done / all;
                x = Block(plan, $"features.{s + 1}.{r}", x, expand, kernel, r == 0 ? stride : 1, channels, drop, activation);
            }
        }
        x = plan.GlobalMean("mean", ConvNorm(plan, "features.8", x, 1280, 1, 1, 1, activation));
        plan.Linear("classifier.1", plan.Dropout("classifier.0", x, Dropout), images.Classes);
        return plan;
    }

    // Names as torchvision's: the parts of a block are numbered as they come, and the expansion is missing where it would be 1.
    private Value Block(
        Plan plan, string name, Value input, int expand, long kernel, long stride, long channels, double drop,
        ActivationFunction activation)
    {
        var part = 0;
        var x = input;
        var width = input.Channels * expand;
        if (expand > 1) x = ConvNorm(plan, $"{name}.block.{part++}", x, width, 1, 1, 1, activation);
        x = ConvNorm(plan, $"{name}.block.{part++}", x, width, kernel, stride, width, activation);
        x = Squeezed(plan, $"{name}.block.{part++}", x, input.Channels / 4, activation);
        x = plan.BatchNorm($"{name}.block.{part}.1", plan.Conv2d($"{name}.block.{part}.0", x, channels, 1, bias: false), Eps);
        return stride == 1 && input.Channels == channels
            ? plan.Add(name + ".add", input, plan.DropPath(name + ".stochastic_depth", x, drop))
            : x;
    }

    private Value Squeezed(Plan plan, string name, Value x, long squeezed, ActivationFunction activation)
    {
        var kind = SqueezeExcitation != SqueezeChoice.Auto ? SqueezeExcitation
            : plan.IsConstrained ? SqueezeChoice.None : SqueezeChoice.Gate;
        if (kind == SqueezeChoice.None) return x;
        if (kind == SqueezeChoice.Scale) return plan.Scale(name + ".scale", x);
        // The source's convolutions of a 1 × 1 map are products.
        var mean = plan.Pixel(name + ".mean", x);
        var hidden = plan.Activation(name + ".act", plan.Conv2d(name + ".fc1", mean, Math.Max(1, squeezed), 1), activation);
        var gate = plan.Activation(name + ".sigmoid", plan.Conv2d(name + ".fc2", hidden, x.Channels, 1), ActivationFunction.Sigmoid);
        return plan.Gate(name + ".gate", x, gate);
    }

    private static Value ConvNorm(
        Plan plan, string name, Value x, long channels, long kernel, long stride, long groups, ActivationFunction activation)
    {
        x = plan.Conv2d(name + ".0", x, channels, kernel, stride, kernel / 2, groups, bias: false);
        return plan.Activation(name + ".2", plan.BatchNorm(name + ".1", x, Eps), activation);
    }
}

/// <summary>What is at the place of squeeze and excitation.</summary>
public enum SqueezeChoice
{
    Auto,
    Gate,
    None,
    Scale,
}
