namespace ConvexWeb.Training.Theory;

/// <summary>
/// ⟨a, x⟩ of every point x, [n] in the points' order, in three arithmetics from one pass over the points.
/// </summary>
/// <param name="Double">All in float64.</param>
/// <param name="StoredSingle">With a rounded to float32 and all else in float64.</param>
/// <param name="Single">With a, x, products and sums in float32.</param>
public sealed record Projections(double[] Double, double[] StoredSingle, float[] Single)
{
    private const int PointsBetweenLooks = 64;

    /// <param name="direction">a, [d].</param>
    /// <exception cref="TheoryException">A coordinate is not a finite number.</exception>
    public static Projections Of(Points points, double[] direction, CancellationToken cancel = default)
    {
        var (n, d) = (points.Count, points.Dimensions);
        var result = new Projections(new double[n], new double[n], new float[n]);
        var (row, single) = (new double[d], Array.ConvertAll(direction, a => (float)a));
        for (var i = 0; i < n; i++)
        {
            if (i % PointsBetweenLooks == 0) cancel.ThrowIfCancellationRequested();
            points.Fill(i, row);
            // Plain loops: the order of the additions, and with it the last bit, is the same on every processor.
            var (exact, stored, rounded) = (0.0, 0.0, 0f);
            for (var j = 0; j < d; j++)
            {
                exact += direction[j] * row[j];
                stored += single[j] * row[j];
                rounded += single[j] * (float)row[j];
            }
            if (!double.IsFinite(exact)) throw new TheoryException($"Point {i} has a coordinate that is not a finite number.");
            (result.Double[i], result.StoredSingle[i], result.Single[i]) = (exact, stored, rounded);
        }
        return result;
    }
}
