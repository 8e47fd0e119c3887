using System.Text.Json.Serialization;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// DenseNet and IOC-DenseNet. Source: Huang et al., Densely Connected Convolutional Networks, CVPR 2017; IOC paper s4 (science.md S4).
/// Each layer joins k new channels to all before:
/// BN → act → Conv1×1 (4k) → BN → act → Conv3×3 (k), or BN → act → Conv3×3 without the bottleneck.
/// Between blocks BN → act → Conv1×1 → AvgPool 2; at the end BN → act → mean over places → Linear [B, K].
/// Exact counts: BC-100-12 K = 10 769,162, K = 100 800,032; 40-12 1,019,722; 100-12 6,979,642; 121 (K = 1000) 7,978,856.
/// </summary>
[Choice("densenet")]
public sealed record DenseNetOptions : ModelOptions
{
    [Parameter("bc_100_12, 40_12 and 100_12 are the paper's networks for small images; "
        + "121 is its ImageNet network, with the 7 × 7 stem; bc_40_12 is a small one of ours.")]
    public DenseNetVariant Variant { get; init; } = DenseNetVariant.Bc100_12;

    [Parameter("auto: ReLU without a constraint, ELU with one.",
        Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("Share dropped behind convolutions; the paper uses 0.2 without augmentation.", Min = 0, Max = 0.95)]
    public double Dropout { get; init; }

    [Parameter("Which convolutions. each: every one but the first, as in the paper (98 of BC-100-12); "
        + "layer_end: the 3 × 3 convolution that ends a layer (48), as in the public code that the seed used.", Title = "Dropout after")]
    public DropoutPlace DropoutAfter { get; init; } = DropoutPlace.Each;

    internal override string SizeParameter => "variant";

    internal sealed record Shape(long Growth, int[] Blocks, bool Bottleneck, bool Stem)
    {
        // The paper's first layer has 2k channels with bottlenecks and 16 without.
        public long First => Stem ? 64 : Bottleneck ? 2 * Growth : 16;
    }

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var plan = new Plan(images.Shape, convexity) { Initialisation = Initialisation.HeFanIn };
        Write(plan, "", images.Classes);
        return plan;
    }

    /// <summary>From another plan's images to [K]; names begin with <paramref name="prefix"/>.</summary>
    internal Value Write(Plan plan, string prefix, int classes, Shape? shape = null)
    {
        shape ??= Sizes();
        var activation = Resolve(Activation, plan.Convexity);
        var x = Begin(plan, prefix, shape, activation);
        for (var b = 1; b <= shape.Blocks.Length; b++)
        {
            var block = $"{prefix}features.denseblock{b}";
            for (var l = 1; l <= shape.Blocks[b - 1]; l++)
                x = plan.Concat($"{block}.concat{l}", [x, Layer(plan, $"{block}.denselayer{l}", x, shape, activation)]);
            if (b < shape.Blocks.Length) x = Transition(plan, $"{prefix}features.transition{b}", x, shape.Bottleneck, activation);
        }
        // torchvision's name, whatever the number of blocks.
        x = plan.BatchNorm($"{prefix}features.norm5", x);
        x = plan.GlobalMean($"{prefix}mean", plan.Activation($"{prefix}act", x, activation));
        return plan.Linear($"{prefix}classifier", x, classes);
    }

    private Shape Sizes() => Variant switch
    {
        DenseNetVariant.D40_12 => new Shape(12, [12, 12, 12], false, false),
        DenseNetVariant.D100_12 => new Shape(12, [32, 32, 32], false, false),
        DenseNetVariant.D121 => new Shape(32, [6, 12, 24, 16], true, true),
        DenseNetVariant.Bc40_12 => new Shape(12, [6, 6, 6], true, false),
        _ => new Shape(12, [16, 16, 16], true, false),
    };

    private static Value Begin(Plan plan, string prefix, Shape shape, ActivationFunction activation)
    {
        if (!shape.Stem) return plan.Conv2d($"{prefix}features.conv0", plan.Input, shape.First, 3, padding: 1, bias: false);
        var x = plan.Conv2d($"{prefix}features.conv0", plan.Input, shape.First, 7, 2, 3, bias: false);
        x = plan.Activation($"{prefix}features.relu0", plan.BatchNorm($"{prefix}features.norm0", x), activation);
        return plan.MaxPool($"{prefix}features.pool0", x, 3, 2, 1);
    }

    private Value Layer(Plan plan, string name, Value x, Shape shape, ActivationFunction activation)
    {
        x = plan.Activation(name + ".relu1", plan.BatchNorm(name + ".norm1", x), activation);
        if (shape.Bottleneck)
        {
            x = plan.Conv2d(name + ".conv1", x, 4 * shape.Growth, 1, bias: false);
            x = DropBetween(plan, name + ".drop1", x);
            x = plan.Activation(name + ".relu2", plan.BatchNorm(name + ".norm2", x), activation);
        }
        x = plan.Conv2d(name + (shape.Bottleneck ? ".conv2" : ".conv1"), x, shape.Growth, 3, padding: 1, bias: false);
        return plan.Dropout(name + ".drop", x, Dropout);
    }

    // Behind a convolution that does not end a layer.
    private Value DropBetween(Plan plan, string name, Value x)
        => DropoutAfter == DropoutPlace.Each ? plan.Dropout(name, x, Dropout) : x;

    // With bottlenecks the paper also halves the channels between blocks (θ = 0.5).
    private Value Transition(Plan plan, string name, Value x, bool compress, ActivationFunction activation)
    {
        var channels = compress ? x.Channels / 2 : x.Channels;
        x = plan.Activation(name + ".relu", plan.BatchNorm(name + ".norm", x), activation);
        x = DropBetween(plan, name + ".drop", plan.Conv2d(name + ".conv", x, channels, 1, bias: false));
        return plan.AvgPool(name + ".pool", x, 2);
    }
}

/// <summary>Depth and growth of a DenseNet; BC has bottlenecks and halves the channels between blocks.</summary>
public enum DenseNetVariant
{
    [JsonStringEnumMemberName("bc_100_12")] Bc100_12,
    [JsonStringEnumMemberName("40_12")] D40_12,
    [JsonStringEnumMemberName("100_12")] D100_12,
    [JsonStringEnumMemberName("121")] D121,
    [JsonStringEnumMemberName("bc_40_12")] Bc40_12,
}

/// <summary>The convolutions of a DenseNet that dropout stands behind.</summary>
public enum DropoutPlace
{
    Each,
    LayerEnd,
}
