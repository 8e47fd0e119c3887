using System.Text.Json.Serialization;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// Shallow and deep convolutional networks and their locally and fully connected counterparts. Source: Neyshabur 2020, arXiv 2007.13657,
/// figure 1 and tables 3 and 4 (science.md S11). With base width α, image side s:
/// S-: conv 9 × 9 α, stride 2 → 24α → K. D-: conv 3 × 3 α, 2α, 2α, 4α, 4α, 8α, 8α, 16α, every second one with stride 2 → 64α → K.
/// LOCAL has a filter at each place, FC a dense layer between the same sizes; 3-FC has two equal hidden layers and S-FC's count.
/// Behind every layer but the last BatchNorm and activation; no biases, BatchNorm not affine unless asked for, so that the counts are the
/// tables' formulas: at α = 1, s = 32, K = 10 S-CONV 6,627, S-LOCAL 68,592, S-FC 792,816, D-CONV 7,049, D-LOCAL 78,464, D-FC 4,190,848.
/// Table 3 prints another D-LOCAL, 9s²α²/2^(i−1) a layer, which is not this network from its third layer on.
/// </summary>
[Choice("sd_net")]
public sealed record SdNetOptions : ModelOptions
{
    [Parameter("s: one hidden convolution, d: eight; conv, or locally or fully connected between the same sizes; three_fc: two equal dense "
        + "layers with as many weights as s_fc.")]
    public SdNetKind Kind { get; init; } = SdNetKind.SFc;

    [Parameter("Base width: channels of the first convolution.", Min = 1, Max = 512)]
    public int Alpha { get; init; } = 1;

    [Parameter("same: as the source's tables imply, 4 for 9 × 9 and 1 for 3 × 3; valid: none, as seed 002's code, for s networks only.")]
    public SdNetPadding Padding { get; init; } = SdNetPadding.Same;

    [Parameter("Train BatchNorm's scale and shift; the tables' counts are without.")]
    public bool Affine { get; init; }

    [Parameter("How weights start. default: uniform in ±1/√inputs, as PyTorch; standard_normal: as the locally connected layer of "
        + "seed 002's code, which hardly trains.", Title = "Initial weights")]
    public SdNetStart Init { get; init; } = SdNetStart.Default;

    [Parameter("Share dropped before each of the last two dense layers.", Min = 0, Max = 0.95)]
    public double Dropout { get; init; }

    [Parameter("auto: ReLU without a constraint, ELU with one.", Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    internal override string SizeParameter => "alpha";

    private bool IsDeep => Kind is SdNetKind.DConv or SdNetKind.DLocal or SdNetKind.DFc;

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        if (IsDeep && Padding == SdNetPadding.Valid)
            throw new ImpossiblePlanException("without padding the sizes of a deep network collapse: set model.padding to same");
        var plan = new Plan(images.Shape, convexity)
        {
            Initialisation = Init == SdNetStart.StandardNormal ? Initialisation.StandardNormal : Initialisation.PyTorch,
        };
        var activation = Resolve(Activation, convexity);
        var (x, number) = (plan.Input, 0);
        foreach (var (channels, kernel, stride) in Convolutions()) x = Hidden(Spatial(x, channels, kernel, stride));
        if (Kind == SdNetKind.ThreeFc)
        {
            var width = ThreeFcWidth(images);
            x = Hidden(plan.Linear(Next(), Flat(x), width, bias: false));
            x = Hidden(Dropped(x, width));
        }
        else x = Hidden(Dropped(Flat(x), (IsDeep ? 64 : 24) * (long)Alpha));
        Dropped(x, images.Classes);
        return plan;

        string Next() => $"layer{++number}";

        Value Flat(Value from) => from.Shape.Count == 1 ? from : plan.Flatten("flatten", from);

        Value Dropped(Value from, long features)
        {
            var kept = plan.Dropout($"drop{number + 1}", from, Dropout);
            return plan.Linear(Next(), kept, features, bias: false);
        }

        Value Hidden(Value from)
        {
            var normal = plan.BatchNorm($"bn{number}", from, scale: Affine, shift: Affine);
            return plan.Activation($"act{number}", normal, activation);
        }

        Value Spatial(Value from, long channels, long kernel, long stride)
        {
            var pad = Padding == SdNetPadding.Same ? kernel / 2 : 0;
            if (Kind is SdNetKind.SConv or SdNetKind.DConv)
                return plan.Conv2d(Next(), number == 1 ? plan.ChannelsLast("layout", from) : from,
                    channels, kernel, stride, pad, bias: false);
            if (Kind is SdNetKind.SLocal or SdNetKind.DLocal) return plan.Local(Next(), from, channels, kernel, stride, pad);
            // As many units as the convolution has outputs with SAME padding; the source's tables know no other.
            var side = Side(images, number + 1);
            return plan.Linear(Next(), Flat(from), channels * side * side, bias: false);
        }
    }

    /// <summary>The side of the image behind so many convolutions with padding: halved, and rounded up, by each stride of 2.</summary>
    private long Side(ImageInput images, int layers)
        => Convolutions().Take(layers).Aggregate(images.Shape[1], (side, layer) => (side + layer.Stride - 1) / layer.Stride);

    private IEnumerable<(long Channels, long Kernel, long Stride)> Convolutions()
    {
        long a = Alpha;
        return Kind == SdNetKind.ThreeFc ? []
            : !IsDeep ? [(a, 9, 2)]
            : [(a, 3, 1), (2 * a, 3, 2), (2 * a, 3, 1), (4 * a, 3, 2), (4 * a, 3, 1), (8 * a, 3, 2), (8 * a, 3, 1), (16 * a, 3, 2)];
    }

    /// <summary>The width h with h² + (d + K)·h nearest to S-FC's count.</summary>
    private long ThreeFcWidth(ImageInput images)
    {
        var (side, inputs) = (images.Shape[1], images.Shape.Aggregate(1L, (a, b) => a * b));
        var hidden = ((side + 1) / 2) * ((side + 1) / 2) * Alpha;
        var wanted = inputs * hidden + hidden * 24 * Alpha + 24L * Alpha * images.Classes;
        var others = inputs + images.Classes;
        var h = (long)((-others + Math.Sqrt((double)others * others + 4.0 * wanted)) / 2);
        return Math.Max(1, Math.Abs(Count(h) - wanted) <= Math.Abs(Count(h + 1) - wanted) ? h : h + 1);

        long Count(long width) => width * width + others * width;
    }
}

/// <summary>The seven networks.</summary>
public enum SdNetKind
{
    [JsonStringEnumMemberName("s_conv")] SConv,
    [JsonStringEnumMemberName("d_conv")] DConv,
    [JsonStringEnumMemberName("s_local")] SLocal,
    [JsonStringEnumMemberName("d_local")] DLocal,
    [JsonStringEnumMemberName("s_fc")] SFc,
    [JsonStringEnumMemberName("d_fc")] DFc,
    [JsonStringEnumMemberName("three_fc")] ThreeFc,
}

/// <summary>Zeros around the images of a convolution or a locally connected layer.</summary>
public enum SdNetPadding
{
    Same,
    Valid,
}

/// <summary>How the weights of these networks start.</summary>
public enum SdNetStart
{
    Default,
    StandardNormal,
}
