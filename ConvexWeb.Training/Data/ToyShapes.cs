using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Points of the unit square, some of which lie in a shape: the toy problem of the IOC paper's figures 2 and 3. A point is an "image" of
/// two channels, x and y, and one place; its coordinates are whole numbers of 1/255.
/// </summary>
[Choice("toy_shapes")]
public sealed record ToyShapesOptions : DataOptions
{
    [Parameter("Training points.", Min = 10, Max = 200_000)]
    public int TrainSize { get; init; } = 2000;

    [Parameter("Test points.", Min = 10, Max = 200_000)]
    public int TestSize { get; init; } = 2000;

    internal override DatasetInfo Info => new(2, 1, 1, 2, TrainSize, TestSize);

    internal override IReadOnlyList<string> Names => ["outside", "inside"];

    internal override bool IsIn(string folder) => true;

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => Task.FromResult(ToyShapes.Draw(this, Info));
}

/// <summary>
/// The shapes, as they are read from the paper's figure: x right, y up (science.md S2.6). The depth of the chevron's notch is ours.
/// </summary>
internal static class ToyShapes
{
    private const ulong TrainStream = 13, TestStream = 14;
    private const int Levels = 256;

    private static readonly (double X, double Y)[][] Shapes =
    [
        [(.49, .90), (.70, .70), (.90, .90), (.90, .69), (.70, .50), (.49, .69)],
        [(.10, .89), (.21, .49), (.10, .49)],
        [(.10, .11), (.30, .11), (.30, .32), (.10, .32)],
        [(.59, .32), (.79, .42), (.90, .42), (.90, .11), (.59, .11)],
    ];

    public static ImageSet Draw(ToyShapesOptions options, DatasetInfo info)
        => new(info, Split(TrainStream, options.TrainSize), Split(TestStream, options.TestSize));

    /// <summary>Whether a point lies in any of the shapes: an odd number of edges to its right.</summary>
    public static bool IsInside(double x, double y) => Shapes.Any(shape =>
    {
        var inside = false;
        for (var (i, j) = (0, shape.Length - 1); i < shape.Length; j = i++)
        {
            var (a, b) = (shape[i], shape[j]);
            if (a.Y > y != b.Y > y && x < (b.X - a.X) * (y - a.Y) / (b.Y - a.Y) + a.X) inside = !inside;
        }
        return inside;
    });

    private static ImageSplit Split(ulong stream, int count)
    {
        var points = new byte[2 * count];
        var labels = new int[count];
        for (var i = 0; i < count; i++)
        {
            var draws = new SplitMixStream(SplitMix.Mix(stream, (ulong)i));
            for (var axis = 0; axis < 2; axis++) points[2 * i + axis] = (byte)(draws.NextUnit() * Levels);
            labels[i] = IsInside(points[2 * i] / 255.0, points[2 * i + 1] / 255.0) ? 1 : 0;
        }
        return new(points, labels);
    }
}
