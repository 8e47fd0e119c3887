namespace ConvexWeb.Training.Theory;

/// <summary>What is drawn of the construction, in a bounded number of places whatever the sample's size.</summary>
internal static class Curves
{
    private const int MostPoints = 200;
    private const int MostRanges = 200;
    private const double BinsPerDecade = 2;

    public static CurveReport Of(SortedSample sorted, TheoremOne network, PiecewiseLine line, IReadOnlyList<int> labels)
    {
        var (z, n) = (sorted.Z, sorted.Z.Length);
        var (from, count) = (Math.Max(0, (n - MostPoints) / 2), Math.Min(n, MostPoints));
        // Knot, point, knot, point: the function bends at knots only, so that these places are all of it.
        List<CurvePlace> places = [];
        for (var i = from; i < from + count; i++)
        {
            places.Add(new(network.Knots[i], line.AtKnot(i), null));
            places.Add(new(z[i], line.At(z[i]), labels[sorted.Order[i]]));
        }
        return new(n <= MostPoints, places, Ranges(z, network, line));
    }

    /// <summary>log₁₀ of sizes that are not zero, in bins of half a decade.</summary>
    public static IReadOnlyList<HistogramBin> Histogram(IReadOnlyList<double> weights)
        => [.. weights.Where(w => w != 0).CountBy(w => (int)Math.Floor(BinsPerDecade * Math.Log10(Math.Abs(w)))).OrderBy(bin => bin.Key)
            .Select(bin => new HistogramBin(bin.Key / BinsPerDecade, (bin.Key + 1) / BinsPerDecade, bin.Value))];

    private static List<CurveRange> Ranges(double[] z, TheoremOne network, PiecewiseLine line)
    {
        var (low, high) = (network.Knots[0], z[^1]);
        var width = (high - low) / MostRanges;
        var (least, most) = (new double[MostRanges], new double[MostRanges]);
        Array.Fill(least, double.PositiveInfinity);
        Array.Fill(most, double.NegativeInfinity);
        for (var i = 0; i < z.Length; i++)
        {
            Take(network.Knots[i], line.AtKnot(i));
            Take(z[i], line.At(z[i]));
        }
        return [.. Enumerable.Range(0, MostRanges).Where(bin => least[bin] <= most[bin])
            .Select(bin => new CurveRange(low + bin * width, low + (bin + 1) * width, least[bin], most[bin]))];

        void Take(double at, double value)
        {
            var bin = Math.Min((int)((at - low) / width), MostRanges - 1);
            (least[bin], most[bin]) = (Math.Min(least[bin], value), Math.Max(most[bin], value));
        }
    }
}
