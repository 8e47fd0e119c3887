using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Theory;

/// <summary>n points of d coordinates in float64. They are written one at a time: 50,000 images would fill more than a gigabyte.</summary>
public abstract class Points
{
    public abstract int Count { get; }

    public abstract int Dimensions { get; }

    /// <summary>Writes the coordinates of a point; the same numbers at each call.</summary>
    /// <param name="row">[d].</param>
    public abstract void Fill(int point, Span<double> row);
}

/// <summary>
/// Points with independent normal coordinates, keyed by seed, stream and index. Their deviation is 30/√d, so that projections on a
/// direction of d standard normal numbers have a deviation of about 30, as those that science.md S9 has figures of.
/// </summary>
public sealed class GaussianPoints(int count, int dimensions, ulong seed, ulong stream) : Points
{
    private readonly double deviation = 30 / Math.Sqrt(dimensions);

    public override int Count => count;

    public override int Dimensions => dimensions;

    public override void Fill(int point, Span<double> row)
    {
        Normals.Fill(row, SplitMix.Mix(seed, stream, (ulong)point));
        for (var i = 0; i < row.Length; i++) row[i] *= deviation;
    }
}

/// <summary>Images as points: uint8 [N, C, H, W] flattened to [N, d], divided by 255.</summary>
public sealed class ImagePoints : Points
{
    private readonly byte[] pixels;

    /// <param name="dimensions">d = C·H·W.</param>
    public ImagePoints(ImageSplit split, int dimensions)
    {
        pixels = split.Images;
        (Count, Dimensions) = (split.Count, dimensions);
    }

    public override int Count { get; }

    public override int Dimensions { get; }

    public override void Fill(int point, Span<double> row)
    {
        var image = pixels.AsSpan(checked(point * Dimensions), Dimensions);
        for (var i = 0; i < row.Length; i++) row[i] = image[i] / 255.0;
    }
}

/// <summary>Points that are given.</summary>
/// <param name="rows">[n][d].</param>
public sealed class GivenPoints(double[][] rows) : Points
{
    public override int Count => rows.Length;

    public override int Dimensions => rows[0].Length;

    public override void Fill(int point, Span<double> row) => rows[point].CopyTo(row);
}
