using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// AllConv (All-CNN-C) and IOC-AllConv.
/// Source: Springenberg et al., Striving for Simplicity, arXiv 1412.6806; IOC paper s4 (science.md S3).
/// [B, 3, 32, 32] → conv1–3, 96 filters, the last with stride 2 → conv4–6, 192 filters, the last with stride 2 → conv7 3 × 3,
/// conv8 1 × 1 → class_conv 1 × 1 [B, K, 8, 8] → activation → mean over places [B, K].
/// An activation behind every convolution; no BatchNorm.
/// Exact counts: K = 10 1,369,738; K = 100 1,387,108.
/// </summary>
[Choice("allconv")]
public sealed record AllConvOptions : ModelOptions
{
    [Parameter("auto: ReLU without a constraint, ELU with one.",
        Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("Activation on the class layer too, before the mean over places, as in the public code.")]
    public bool ActOnLogits { get; init; } = true;

    [Parameter("Pad the seventh convolution, so that 8 × 8 places are averaged, as both public codes do; "
        + "without, 6 × 6 as in the paper. The parameter count is the same.", Title = "Pad conv7")]
    public bool C7Padding { get; init; } = true;

    [Parameter("Share of the input dropped while training.", Min = 0, Max = 0.95)]
    public double InputDropout { get; init; } = 0.2;

    [Parameter("Share of values dropped behind each convolution with stride 2.", Min = 0, Max = 0.95)]
    public double Dropout { get; init; } = 0.5;

    [Parameter("Batch normalisation before each activation but the last. "
        + "The IOC paper does not say whether its AllConv had it; the public code has none.")]
    public bool BatchNorm { get; init; }

    [Parameter("Width of all layers, in percent of the source's.", Min = 5, Max = 400)]
    public int WidthPercent { get; init; } = 100;

    internal override string SizeParameter => "width_percent";

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var plan = new Plan(images.Shape, convexity);
        Write(plan, "", images.Classes);
        return plan;
    }

    /// <summary>From another plan's images to [K]; names begin with <paramref name="prefix"/>.</summary>
    internal Value Write(Plan plan, string prefix, int classes)
    {
        var activation = Resolve(Activation, plan.Convexity);
        var x = plan.Dropout($"{prefix}drop0", plan.ChannelsLast($"{prefix}layout", plan.Input), InputDropout);
        (long Channels, long Kernel, long Stride)[] layers =
        [
            (96, 3, 1), (96, 3, 1), (96, 3, 2), (192, 3, 1), (192, 3, 1), (192, 3, 2), (192, 3, 1), (192, 1, 1),
        ];
        for (var i = 1; i <= layers.Length; i++)
        {
            var (channels, kernel, stride) = layers[i - 1];
            var padding = i == 7 && !C7Padding ? 0 : kernel / 2;
            x = plan.Conv2d($"{prefix}conv{i}", x, Math.Max(1, channels * WidthPercent / 100), kernel, stride, padding);
            if (BatchNorm) x = plan.BatchNorm($"{prefix}bn{i}", x);
            x = plan.Activation($"{prefix}act{i}", x, activation);
            if (stride == 2) x = plan.Dropout($"{prefix}drop{i}", x, Dropout);
        }
        x = plan.Conv2d($"{prefix}class_conv", x, classes, 1);
        if (ActOnLogits) x = plan.Activation($"{prefix}act_class", x, activation);
        return plan.GlobalMean($"{prefix}mean", x);
    }
}
