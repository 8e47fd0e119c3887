namespace ConvexWeb.Training.Theory;

/// <summary>Builds the network of Theorem 1 on a sample and measures it (science.md S9). One thread; nothing native.</summary>
public static class TheoremOneStudy
{
    private const int PointsBetweenLooks = 256;

    /// <param name="outputs">Whether to build the form with K outputs as well.</param>
    /// <param name="depth">2 is Theorem 1; above it, Corollary 1 is built as well.</param>
    /// <exception cref="TheoryException">There is no construction for this sample, such as with two equal points.</exception>
    public static TheoremOneReport Run(
        LabelledPoints sample, ulong seed, bool outputs, int depth, TimeProvider clock, CancellationToken cancel = default)
    {
        var start = clock.GetTimestamp();
        var sorted = SortedSample.Of(sample.Points, seed, cancel);
        var network = TheoremOne.Build(sorted, Targets(sample.Labels));
        var built = clock.GetElapsedTime(start);

        var (line, n) = (network.Line(), sorted.Z.Length);
        var fresh = Projections.Of(sample.Fresh, sorted.Direction, cancel).Double;
        var weights = network.WeightsOf();
        var mean = sorted.Z.Average();
        return new()
        {
            Source = sample.Source,
            Points = n,
            Dimensions = sample.Points.Dimensions,
            Classes = sample.Classes,
            Seed = seed,
            StoredNumbers = network.StoredNumbers,
            TheoremNumbers = 2L * n + sample.Points.Dimensions,
            Directions = sorted.Directions,
            ProjectionMean = mean,
            ProjectionDeviation = Math.Sqrt(sorted.Z.Average(z => (z - mean) * (z - mean))),
            SmallestGap = sorted.SmallestGap,
            SmallestEigenvalue = Enumerable.Range(0, n).Min(i => sorted.Z[i] - network.Knots[i]),
            LargestWeight = weights.Max(Math.Abs),
            ZeroWeights = weights.Count(w => w == 0),
            WeightHistogram = Curves.Histogram(weights),
            Precisions =
            [
                InDouble(sorted, network, sample.Labels, cancel), .. SinglePrecision.Reports(sorted, network, sample.Labels, cancel),
            ],
            StoredMaxError = Enumerable.Range(0, n).Max(i => Math.Abs(line.At(sorted.Z[i]) - sample.Labels[sorted.Order[i]])),
            PermutedAccuracy = InDouble(sorted, sample.Permuted(seed), cancel).Accuracy,
            Fresh = Unseen(sample, line, fresh),
            Outputs = outputs ? OutputForm.Measure(sorted, sample, fresh, cancel) : null,
            Layered = depth > 2 ? InLayers(sorted, network, sample, depth, cancel) : null,
            Curve = Curves.Of(sorted, network, line, sample.Labels),
            BuildMilliseconds = built.TotalMilliseconds,
            Milliseconds = clock.GetElapsedTime(start).TotalMilliseconds,
        };
    }

    /// <summary>Class numbers as the values of one output.</summary>
    public static IReadOnlyList<double> Targets(IReadOnlyList<int> labels) => [.. labels.Select(label => (double)label)];

    /// <summary>The network at its own points in float64, summed term by term. O(n²).</summary>
    internal static PrecisionReport InDouble(
        SortedSample sorted, TheoremOne network, IReadOnlyList<int> labels, CancellationToken cancel = default)
        => Compare("float64", sorted.Z, sorted.Order, labels, [.. network.Knots], z => network.Forward(z), cancel);

    private static PrecisionReport InDouble(SortedSample sorted, IReadOnlyList<int> labels, CancellationToken cancel)
        => InDouble(sorted, TheoremOne.Build(sorted, Targets(labels)), labels, cancel);

    /// <summary>Outputs beside labels: right where they round to it.</summary>
    /// <param name="z">[n], ascending; <paramref name="order"/> has the point of each place.</param>
    internal static PrecisionReport Compare<T>(
        string name, T[] z, int[] order, IReadOnlyList<int> labels, T[] knots, Func<T, double> forward, CancellationToken cancel)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        var (right, notFinite, worst) = (0, 0, 0.0);
        for (var i = 0; i < z.Length; i++)
        {
            if (i % PointsBetweenLooks == 0) cancel.ThrowIfCancellationRequested();
            var (value, label) = (forward(z[i]), labels[order[i]]);
            if (!double.IsFinite(value))
            {
                notFinite++;
                continue;
            }
            right += Rounded(value) == label ? 1 : 0;
            worst = Math.Max(worst, Math.Abs(value - label));
        }
        return new(name, 100.0 * right / z.Length, worst, notFinite, Construction<T>.Ties(z), Construction<T>.Misplaced(z, knots));
    }

    private static double Rounded(double value) => Math.Round(value, MidpointRounding.AwayFromZero);

    private static FreshReport Unseen(LabelledPoints sample, PiecewiseLine line, double[] fresh)
    {
        var values = Array.ConvertAll(fresh, line.At);
        return new(
            sample.FreshSource, fresh.Length,
            100.0 * values.Where((value, i) => Rounded(value) == sample.FreshLabels[i]).Count() / fresh.Length, 100.0 / sample.Classes,
            100.0 * values.Count(value => value >= -0.5 && value <= sample.Classes - 0.5) / fresh.Length);
    }

    private static LayeredReport InLayers(
        SortedSample sorted, TheoremOne network, LabelledPoints sample, int depth, CancellationToken cancel)
    {
        var layered = new LayeredTheoremOne(network, depth);
        var measured = Compare("", sorted.Z, sorted.Order, sample.Labels, [.. network.Knots], layered.Forward, cancel);
        return new(depth, layered.Width, layered.Connections(sample.Points.Dimensions), measured.Accuracy, measured.MaxError);
    }
}
