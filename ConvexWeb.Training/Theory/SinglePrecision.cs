namespace ConvexWeb.Training.Theory;

/// <summary>
/// Where float32 fails: projections of n points lie about 200/n² apart at their closest, and float32 has steps of 2·10⁻⁶ at 30. From some
/// 1,000 points on weights lose the digits that have to cancel; at 10,000 projections tie.
/// </summary>
internal static class SinglePrecision
{
    public static IEnumerable<PrecisionReport> Reports(
        SortedSample sorted, TheoremOne network, IReadOnlyList<int> labels, CancellationToken cancel)
    {
        yield return Stored(sorted, network, labels, cancel);
        yield return Throughout(sorted, labels, cancel);
    }

    /// <summary>a, b and w of the float64 construction rounded to float32; all arithmetic in float64.</summary>
    private static PrecisionReport Stored(
        SortedSample sorted, TheoremOne network, IReadOnlyList<int> labels, CancellationToken cancel)
    {
        var z = Array.ConvertAll(sorted.Order, point => sorted.Projections.StoredSingle[point]);
        var (knots, weights) = (Rounded(network.Knots), Rounded(network.WeightsOf()));
        return TheoremOneStudy.Compare(
            "float64, stored in float32", z, sorted.Order, labels, knots, at => Construction<double>.Forward(at, knots, weights), cancel);
    }

    /// <summary>
    /// Projected, sorted, solved and summed in float32. Equal projections leave a slope of x/0, and all outputs behind it are no numbers.
    /// </summary>
    private static PrecisionReport Throughout(SortedSample sorted, IReadOnlyList<int> labels, CancellationToken cancel)
    {
        var (z, order) = ((float[])sorted.Projections.Single.Clone(), Enumerable.Range(0, sorted.Z.Length).ToArray());
        Array.Sort(z, order);
        var knots = Construction<float>.Knots(z);
        var weights = Construction<float>.Weights(z, knots, Array.ConvertAll(order, point => (float)labels[point]));
        return TheoremOneStudy.Compare(
            "float32 throughout", z, order, labels, knots, at => Construction<float>.Forward(at, knots, weights), cancel);
    }

    private static double[] Rounded(IReadOnlyList<double> values) => [.. values.Select(value => (double)(float)value)];
}
