using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>The classes: all digits, or those from 5 on and the rest.</summary>
public enum GlyphsTask
{
    Classes,
    FiveAndUp,
}

/// <summary>Parameters of <c>Glyphs</c>, which are drawn and need no file.</summary>
[Choice("glyphs")]
public sealed record GlyphsOptions : DataOptions
{
    [Parameter("Training images to draw.", Min = 10, Max = 200_000)]
    public int TrainSize { get; init; } = 4000;

    [Parameter("Test images to draw.", Min = 10, Max = 200_000)]
    public int TestSize { get; init; } = 2000;

    [Parameter("Strength of the distortions; 0 draws the same strokes each time.", Min = 0, Max = 3)]
    public double Distortion { get; init; } = 1;

    [Parameter("Number of the collection: another number draws other images. Independent of the run's seed.", Min = 0, Max = 1_000_000)]
    public int Collection { get; init; }

    [Parameter("classes: all ten; five_and_up: the digits from 5 on against the rest, a task of two classes.")]
    public GlyphsTask Task { get; init; } = GlyphsTask.Classes;

    internal override DatasetInfo Info => new(1, Glyphs.Side, Glyphs.Side, 10, TrainSize, TestSize);

    internal override IReadOnlyList<int>? Positive => Task == GlyphsTask.FiveAndUp ? [5, 6, 7, 8, 9] : null;

    internal override IReadOnlyList<string>? Names => Task == GlyphsTask.FiveAndUp ? ["below five", "five and up"] : null;

    internal override bool IsIn(string folder) => true;

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => System.Threading.Tasks.Task.FromResult(Glyphs.Draw(this, Info));
}

/// <summary>
/// 28 × 28 digits drawn from strokes: each image bends, turns, shears,
/// scales and moves its digit's strokes, varies the pen, adds stray strokes and noise.
/// Ours, made so that the product works without a network; hard enough that an MLP memorises before it generalises.
/// Image i of a split depends on the collection's number and i alone. Classes follow each other 0..9.
/// </summary>
internal static class Glyphs
{
    public const int Side = 28;

    private const ulong TrainStream = 11, TestStream = 12;

    // Control points in the unit square (x right, y down); strokes are drawn through them as smooth curves.
    private static readonly double[][][] Strokes =
    [
        [[.5, .1, .22, .3, .22, .7, .5, .9, .78, .7, .78, .3, .5, .1]],
        [[.35, .25, .53, .1, .53, .5, .53, .9]],
        [[.25, .3, .4, .1, .72, .15, .7, .42, .45, .65, .24, .9], [.24, .9, .5, .87, .77, .9]],
        [[.27, .18, .55, .08, .74, .27, .5, .46], [.5, .46, .8, .6, .62, .9, .25, .82]],
        [[.62, .9, .62, .5, .62, .1], [.62, .1, .4, .4, .2, .64], [.2, .64, .5, .64, .82, .64]],
        [[.73, .1, .5, .11, .3, .1], [.3, .1, .29, .28, .27, .46], [.27, .46, .55, .36, .78, .62, .58, .9, .25, .84]],
        [[.68, .12, .4, .25, .25, .6, .35, .88, .62, .88, .74, .68, .55, .52, .28, .66]],
        [[.23, .12, .5, .12, .78, .12], [.78, .12, .55, .5, .42, .9]],
        [[.5, .48, .28, .36, .32, .14, .5, .1, .7, .16, .72, .36, .5, .48, .25, .66, .3, .87, .5, .91, .72, .87, .76, .66, .5, .48]],
        [[.72, .34, .5, .48, .28, .36, .34, .13, .6, .1, .73, .32, .7, .6, .55, .9]],
    ];

    public static ImageSet Draw(GlyphsOptions options, DatasetInfo info)
        => new(info, Split(options, TrainStream, options.TrainSize), Split(options, TestStream, options.TestSize));

    private static ImageSplit Split(GlyphsOptions options, ulong stream, int count)
    {
        var images = new byte[count * Side * Side];
        var labels = new int[count];
        Parallel.For(0, count, i =>
        {
            labels[i] = i % 10;
            var random = new SplitMixStream(SplitMix.Mix((ulong)options.Collection, stream, (ulong)i));
            DrawOne(labels[i], ref random, options.Distortion, images.AsSpan(i * Side * Side, Side * Side));
        });
        return new(images, labels);
    }

    private static void DrawOne(int digit, ref SplitMixStream random, double strength, Span<byte> image)
    {
        var ink = new double[Side * Side];
        double Around(ref SplitMixStream r, double spread) => r.NextBetween(-spread, spread) * strength;

        var angle = Around(ref random, 0.4);
        var shear = Around(ref random, 0.35);
        var (scaleX, scaleY) = (0.62 * (1 + Around(ref random, 0.28)), 0.72 * (1 + Around(ref random, 0.22)));
        var (moveX, moveY) = (Around(ref random, 0.12), Around(ref random, 0.12));
        var pen = 0.045 * (1 + Around(ref random, 0.45));
        var (waveX, waveY) = (random.NextBetween(0, 6.28), random.NextBetween(0, 6.28));
        var wave = 0.05 * strength;
        var (cos, sin) = (Math.Cos(angle), Math.Sin(angle));

        (double X, double Y) Place(double x, double y)
        {
            var u = (x - .5) * scaleX + shear * (y - .5) * scaleY + wave * Math.Sin(5 * y + waveX);
            var v = (y - .5) * scaleY + wave * Math.Sin(5 * x + waveY);
            return (.5 + moveX + cos * u - sin * v, .5 + moveY + sin * u + cos * v);
        }

        foreach (var stroke in Strokes[digit])
        {
            var points = new (double X, double Y)[stroke.Length / 2];
            for (var p = 0; p < points.Length; p++)
                points[p] = Place(stroke[2 * p] + Around(ref random, 0.045), stroke[2 * p + 1] + Around(ref random, 0.045));
            Trace(points, pen, 1, ink);
        }
        // A stray stroke, as fits half of the images: it says nothing about the class, so learning it is memorising.
        if (strength > 0 && random.NextUnit() < 0.5)
        {
            var (x, y) = (random.NextUnit(), random.NextUnit());
            var end = (x + random.NextBetween(-.3, .3), y + random.NextBetween(-.3, .3));
            Trace([(x, y), end], pen * 0.8, random.NextBetween(0.4, 0.9), ink);
        }

        var noise = 0.09 * strength;
        for (var i = 0; i < ink.Length; i++)
        {
            // The sum of three uniforms is near enough to a normal and has no long tail.
            var grain = noise * (random.NextUnit() + random.NextUnit() + random.NextUnit() - 1.5) * 2;
            image[i] = (byte)Math.Clamp(255 * (ink[i] + grain), 0, 255);
        }
    }

    // Catmull–Rom through the points, stamped densely with a round pen whose edge is one pixel soft.
    private static void Trace((double X, double Y)[] points, double pen, double darkness, double[] ink)
    {
        for (var s = 0; s + 1 < points.Length; s++)
        {
            var (a, b, c, d) = (points[Math.Max(s - 1, 0)], points[s], points[s + 1], points[Math.Min(s + 2, points.Length - 1)]);
            const int stamps = 24;
            for (var k = 0; k <= stamps; k++)
            {
                var t = (double)k / stamps;
                Stamp(Spline(a.X, b.X, c.X, d.X, t) * Side, Spline(a.Y, b.Y, c.Y, d.Y, t) * Side, pen * Side, darkness, ink);
            }
        }
    }

    private static double Spline(double a, double b, double c, double d, double t)
        => .5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t);

    private static void Stamp(double x, double y, double radius, double darkness, double[] ink)
    {
        for (var row = Math.Max(0, (int)(y - radius - 1)); row <= Math.Min(Side - 1, (int)(y + radius + 1)); row++)
        {
            for (var column = Math.Max(0, (int)(x - radius - 1)); column <= Math.Min(Side - 1, (int)(x + radius + 1)); column++)
            {
                var distance = Math.Sqrt((column + .5 - x) * (column + .5 - x) + (row + .5 - y) * (row + .5 - y));
                var covered = darkness * Math.Clamp(radius + .5 - distance, 0, 1);
                ref var pixel = ref ink[row * Side + column];
                pixel = Math.Max(pixel, covered);
            }
        }
    }
}
