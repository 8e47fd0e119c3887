using static TorchSharp.torch;

namespace ConvexWeb.Training.Augmentations;

/// <summary>
/// Operations that replace each level by another:
/// one table of 256 entries an image and channel, and one gather for all. Numbers are Pillow's.
/// </summary>
internal static class PixelTables
{
    private const int Levels = 256;

    /// <summary>Whole levels float32 [n, C, H, W], one treatment an image → the same shape.</summary>
    public static Tensor Apply(Tensor levels, IReadOnlyList<Treatment> treatments)
    {
        var shape = levels.shape;
        var (count, channels) = (shape[0], shape[1]);
        var pixels = levels.to(ScalarType.Int64).flatten(2); // [n, C, H·W]
        var known = new float[count, 1, Levels];
        for (var i = 0; i < count; i++)
        {
            for (var level = 0; level < Levels; level++) known[i, 0, level] = Entry(treatments[i], level);
        }
        var tables = from_array(known).to(levels.device).repeat(1, channels, 1); // [n, C, 256]
        Fit(Operation.AutoContrast, Stretched);
        Fit(Operation.Equalize, Equalized);
        return tables.gather(2, pixels).view(shape);

        // Tables that depend on the image.
        void Fit(Operation operation, Func<Tensor, Tensor> make)
        {
            long[] these = [.. Enumerable.Range(0, treatments.Count).Where(i => treatments[i].Operation == operation).Select(i => (long)i)];
            if (these.Length == 0) return;
            var index = from_array(these).to(levels.device);
            tables.index_copy_(0, index, make(pixels.index_select(0, index)));
        }
    }

    private static float Entry(Treatment treatment, int level)
    {
        var argument = (int)treatment.Argument;
        return treatment.Operation switch
        {
            Operation.Invert => Levels - 1 - level,
            Operation.Posterize => level & ~((1 << (8 - argument)) - 1),
            Operation.Solarize => level < argument ? level : Levels - 1 - level,
            Operation.SolarizeAdd => level < Levels / 2 ? Math.Min(Levels - 1, level + argument) : level,
            _ => level,
        };
    }

    private static Tensor Identity(Device device) => arange(Levels, ScalarType.Float64, device);

    /// <summary>
    /// Pixels int64 [m, C, P] → tables [m, C, 256] that stretch the darkest level to 0 and the brightest to 255;
    /// the identity where they are one.
    /// </summary>
    private static Tensor Stretched(Tensor pixels)
    {
        var low = pixels.min(2, keepdim: true).values.to(ScalarType.Float64);
        var span = pixels.max(2, keepdim: true).values.to(ScalarType.Float64) - low;
        // In double and in Pillow's order of operations, so that truncation meets the same numbers.
        var scale = zeros_like(span).add(Levels - 1).div(span);
        var identity = Identity(pixels.device);
        var stretched = (identity * scale - low * scale).clamp(0, Levels - 1).floor();
        return where(span.gt(0), stretched, identity).to(ScalarType.Float32);
    }

    /// <summary>
    /// Pixels int64 [m, C, P] → tables [m, C, 256] that spread the levels evenly;
    /// the identity where a step would be less than one pixel.
    /// </summary>
    private static Tensor Equalized(Tensor pixels)
    {
        var shape = pixels.shape;
        var histogram = zeros([shape[0], shape[1], Levels], ScalarType.Int64, pixels.device)
            .scatter_add_(2, pixels, ones(shape, ScalarType.Int64, pixels.device));
        // What the brightest level has does not count.
        var brightest = histogram.gather(2, pixels.max(2, keepdim: true).values);
        var step = (shape[2] - brightest).div(Levels - 1, RoundingMode.floor);
        var divisor = step.clamp(min: 1);
        var below = histogram.cumsum(2) - histogram;
        var table = (below + step.div(2, RoundingMode.floor)).div(divisor, RoundingMode.floor).clamp(max: Levels - 1);
        return where(step.gt(0), table.to(ScalarType.Float64), Identity(pixels.device)).to(ScalarType.Float32);
    }
}
