namespace ConvexWeb.Training.Theory;

/// <summary>
/// The function Σ_j w_j·max(z − b_j, 0) of stored knots and weights by its pieces: value and slope at each knot, then one multiplication.
/// </summary>
/// <remarks>
/// Why so: the form with prefix sums, z·Σw − Σw·b, subtracts two numbers of the size of 10⁹ to get one of the size of 1, and the plain sum
/// of n terms adds such numbers up; either loses some seven digits at 10,000 points. A step from a knot to the next has no such
/// cancellation. Slopes are sums of weights that cancel, so they are kept in two float64 each: what is left is the rounding of the
/// stored weights themselves, which no order of summation takes away.
/// </remarks>
public sealed class PiecewiseLine
{
    private readonly double[] knots;
    private readonly DoubleDouble[] values;
    private readonly DoubleDouble[] slopes;

    /// <param name="knots">[n], ascending.</param>
    /// <param name="weights">[n].</param>
    public PiecewiseLine(double[] knots, double[] weights)
    {
        this.knots = knots;
        (values, slopes) = (new DoubleDouble[knots.Length], new DoubleDouble[knots.Length]);
        DoubleDouble value = default, slope = default;
        for (var i = 0; i < knots.Length; i++)
        {
            if (i > 0) value += slope * DoubleDouble.Sum(knots[i], -knots[i - 1]);
            slope += new DoubleDouble(weights[i], 0);
            (values[i], slopes[i]) = (value, slope);
        }
    }

    /// <summary>The value at a knot.</summary>
    public double AtKnot(int knot) => values[knot].High;

    /// <summary>The value at a place; 0 left of the first knot.</summary>
    public double At(double z)
    {
        var found = Array.BinarySearch(knots, z);
        var knot = found >= 0 ? found : ~found - 1; // the last one that is not right of z
        return knot < 0 ? 0 : (values[knot] + slopes[knot] * DoubleDouble.Sum(z, -knots[knot])).High;
    }
}
