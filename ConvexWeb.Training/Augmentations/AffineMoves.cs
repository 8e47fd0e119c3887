using static TorchSharp.torch;

namespace ConvexWeb.Training.Augmentations;

/// <summary>
/// Turning, shearing and moving: one matrix an image, and one bilinear sampling for all.
/// What lies outside an image is filled.
/// </summary>
internal static class AffineMoves
{
    /// <summary>Whole levels float32 [n, C, H, W], one treatment an image → the same shape.</summary>
    public static Tensor Apply(Tensor levels, IReadOnlyList<Treatment> treatments, IReadOnlyList<float> fill)
    {
        var shape = levels.shape;
        var (height, width) = (shape[2], shape[3]);
        var matrices = new float[treatments.Count, 2, 3];
        for (var i = 0; i < treatments.Count; i++)
        {
            var (a, b, c, d, e, f) = Inverse(treatments[i], height, width);
            // From pixels, counted from the upper left corner, to sampling coordinates, −1 and 1 at the edges.
            var (tall, flat) = ((double)height / width, (double)width / height);
            (matrices[i, 0, 0], matrices[i, 0, 1], matrices[i, 0, 2])
                = ((float)a, (float)(b * tall), (float)(a + b * tall + 2 * c / width - 1));
            (matrices[i, 1, 0], matrices[i, 1, 1], matrices[i, 1, 2])
                = ((float)(d * flat), (float)e, (float)(d * flat + e + 2 * f / height - 1));
        }
        var grid = nn.functional.affine_grid(from_array(matrices).to(levels.device), [shape[0], shape[1], height, width]); // [n, H, W, 2]
        var sampled = nn.functional.grid_sample(levels, grid, padding_mode: GridSamplePaddingMode.Border, align_corners: false);
        var inside = grid.abs().max(3).values.le(1).unsqueeze(1); // [n, 1, H, W]
        var outside = from_array(fill.ToArray()).to(levels.device).view(1, -1, 1, 1);
        // Pillow drops the fraction; a whole number that came out a hair too small keeps its own.
        return where(inside, sampled.add(1e-3).floor(), outside);
    }

    // Where a pixel comes from: x' = a·x + b·y + c, y' = d·x + e·y + f.
    private static (double A, double B, double C, double D, double E, double F) Inverse(Treatment treatment, long height, long width)
    {
        var v = treatment.Argument;
        switch (treatment.Operation)
        {
            case Operation.ShearX:
                return (1, v, 0, 0, 1, 0);
            case Operation.ShearY:
                return (1, 0, 0, v, 1, 0);
            case Operation.TranslateX:
                return (1, 0, v * width, 0, 1, 0);
            case Operation.TranslateY:
                return (1, 0, 0, 0, 1, v * height);
            case Operation.Rotate:
                // Counter-clockwise about the middle, in degrees.
                var (sin, cos) = Math.SinCos(-v * Math.PI / 180);
                var (x, y) = (width / 2.0, height / 2.0);
                return (cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y);
            default:
                throw new NotSupportedException(treatment.Operation.ToString());
        }
    }
}
