using ConvexWeb.Training.Data;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>Normalisation of images channel by channel: level·scale + shift, levels from 0 to 255.</summary>
/// <param name="Scale">float32 [C].</param>
/// <param name="Shift">float32 [C].</param>
internal sealed record ChannelNormalization(Tensor Scale, Tensor Shift)
{
    // Of the channels R, G, B in [0, 1]: what every recipe for ImageNet takes.
    private static readonly double[] ImageNetMean = [0.485, 0.456, 0.406];
    private static readonly double[] ImageNetDeviation = [0.229, 0.224, 0.225];

    private const long BlockNumbers = 4_000_000;

    /// <param name="count">Training images, of <paramref name="shape"/> [C, H, W] each.</param>
    /// <param name="block">Images from a place on, [B, C, H, W]; asked only where the statistics are the training images'.</param>
    /// <param name="isScaled">Whether those are numbers on the scale from 0 to 1 and not levels.</param>
    public static ChannelNormalization Of(
        PreprocessingKind how, long count, IReadOnlyList<long> shape, Func<long, long, Tensor> block, bool isScaled = false)
    {
        if (how is not (PreprocessingKind.Standardize or PreprocessingKind.Imagenet or PreprocessingKind.Centered))
            return new(full([shape[0]], 1.0 / 255, ScalarType.Float32), zeros([shape[0]], ScalarType.Float32));
        var (mean, deviation) = how switch
        {
            PreprocessingKind.Imagenet => (from_array(ImageNetMean), from_array(ImageNetDeviation)),
            PreprocessingKind.Centered => (full([shape[0]], 0.5, ScalarType.Float64), full([shape[0]], 0.5, ScalarType.Float64)),
            _ => Statistics(count, shape, block, isScaled),
        };
        return new(deviation.mul(255).pow(-1).to(ScalarType.Float32), mean.div(deviation).neg().to(ScalarType.Float32));
    }

    /// <summary>Copies, since several splits share them.</summary>
    public (Tensor Scale, Tensor Shift) On(Device device)
        => (Scale.to(device, copy: true).DetachFromDisposeScope(), Shift.to(device, copy: true).DetachFromDisposeScope());

    /// <summary>Images on the scale from 0 to 1, float32 [N, C, H, W], normalised where they lie.</summary>
    public Tensor Apply(Tensor images) => images.mul_((Scale * 255).view(1, -1, 1, 1)).add_(Shift.view(1, -1, 1, 1));

    // Exact sums of levels: they are whole numbers, so float64 holds them without rounding.
    private static (Tensor Mean, Tensor Deviation) Statistics(
        long count, IReadOnlyList<long> shape, Func<long, long, Tensor> block, bool isScaled)
    {
        var sum = zeros([shape[0]], ScalarType.Float64);
        var squares = zeros([shape[0]], ScalarType.Float64);
        var plane = shape[1] * shape[2];
        var rows = Math.Max(1, BlockNumbers / (shape[0] * plane));
        for (long at = 0; at < count; at += rows)
        {
            using var scope = NewDisposeScope();
            var images = block(at, Math.Min(rows, count - at)).cpu().to(ScalarType.Float64, copy: true);
            if (isScaled) images.mul_(255);
            sum.add_(images.sum([0, 2, 3]));
            squares.add_(images.square().sum([0, 2, 3]));
        }
        var mean = sum.div(count * plane);
        var variance = squares.div(count * plane).sub(mean.square()).clamp(min: 1e-4);
        return (mean.div(255), variance.sqrt().div(255));
    }
}
