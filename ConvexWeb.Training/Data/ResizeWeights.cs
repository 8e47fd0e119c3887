namespace ConvexWeb.Training.Data;

/// <summary>
/// The weights with which Pillow's resize sums the pixels of a line (Resample.c): a triangle, or a cubic with a = −0.5, as wide as the
/// reduction, cut at the ends of the line and brought to the sum 1.
/// </summary>
internal static class ResizeWeights
{
    private const double A = -0.5;

    // Pillow's weights are whole numbers of this part of 1, and its sums exact: so are these with float64.
    private const double Unit = 1 << 22;

    /// <param name="weights">Gets [outputs, inputs]; zeros before.</param>
    /// <param name="start">The first of the <paramref name="length"/> inputs that are resized; all others have no weight.</param>
    public static void Write(Span<double> weights, int inputs, int outputs, int start, int length, bool bicubic)
    {
        var step = (double)length / outputs;
        var wide = Math.Max(1, step);
        var reach = (bicubic ? 2 : 1) * wide;
        for (var o = 0; o < outputs; o++)
        {
            var centre = (o + 0.5) * step;
            var from = Math.Max(0, (int)(centre - reach + 0.5));
            var until = Math.Min(length, (int)(centre + reach + 0.5));
            var line = weights.Slice(o * inputs + start, length);
            var sum = 0.0;
            for (var k = from; k < until; k++) sum += Filter((k - centre + 0.5) / wide, bicubic);
            for (var k = from; k < until; k++)
                line[k] = Math.Round(Filter((k - centre + 0.5) / wide, bicubic) / sum * Unit, MidpointRounding.AwayFromZero) / Unit;
        }
    }

    private static double Filter(double x, bool bicubic)
    {
        x = Math.Abs(x);
        if (!bicubic) return Math.Max(0, 1 - x);
        return x < 1 ? ((A + 2) * x - (A + 3)) * x * x + 1
            : x < 2 ? (((x - 5) * x + 8) * x - 4) * A
            : 0;
    }
}
