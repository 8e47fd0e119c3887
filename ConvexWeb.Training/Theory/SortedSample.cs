using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Theory;

/// <summary>A sample along a random direction a ~ N(0, I): distinct points have distinct projections with probability 1.</summary>
public sealed class SortedSample
{
    // In exact arithmetic one direction is enough; float64 makes two projections equal in about n²·10⁻¹⁷ of the cases.
    private const int MostDirections = 8;

    private SortedSample(double[] direction, Projections projections, double[] z, int[] order, int directions)
    {
        (Direction, Projections, Z, Order, Directions) = (direction, projections, z, order, directions);
        for (var i = 1; i < z.Length; i++) SmallestGap = Math.Min(SmallestGap, z[i] - z[i - 1]);
    }

    /// <summary>a, [d].</summary>
    public double[] Direction { get; }

    /// <summary>In the points' own order.</summary>
    public Projections Projections { get; }

    /// <summary>The projections z₁ &lt; … &lt; z_n, ascending.</summary>
    public double[] Z { get; }

    /// <summary>The point of each place of <see cref="Z"/>.</summary>
    public int[] Order { get; }

    /// <summary>Directions that were drawn: 1 but for a coincidence of rounding.</summary>
    public int Directions { get; }

    /// <summary>The smallest distance of neighbouring projections; infinite for a single point.</summary>
    public double SmallestGap { get; } = double.PositiveInfinity;

    /// <exception cref="DuplicatePointsException">Two points are equal.</exception>
    /// <exception cref="TheoryException">float64 cannot tell two distinct points apart along any of the directions.</exception>
    public static SortedSample Of(Points points, ulong seed, CancellationToken cancel = default)
    {
        for (var draw = 0; ; draw++)
        {
            var direction = Normals.Of(points.Dimensions, SplitMix.Mix(seed, TheoryStreams.Direction, (ulong)draw));
            var projections = Projections.Of(points, direction, cancel);
            var (z, order) = ((double[])projections.Double.Clone(), Enumerable.Range(0, points.Count).ToArray());
            Array.Sort(z, order);
            // Equal points have equal projections to the last bit, so a duplicate is among these.
            RefuseDuplicates(points, z, order);
            if (TheoremOne.HasRoom(z)) return new(direction, projections, z, order, draw + 1);
            if (draw + 1 == MostDirections)
                throw new TheoryException($"float64 cannot tell some of the points apart along any of {MostDirections} random directions.");
        }
    }

    private static void RefuseDuplicates(Points points, double[] z, int[] order)
    {
        var (a, b) = (new double[points.Dimensions], new double[points.Dimensions]);
        for (var first = 0; first < z.Length; first++)
        {
            for (var second = first + 1; second < z.Length && z[second] == z[first]; second++)
            {
                points.Fill(order[first], a);
                points.Fill(order[second], b);
                if (!a.AsSpan().SequenceEqual(b)) continue;
                throw new DuplicatePointsException(Math.Min(order[first], order[second]), Math.Max(order[first], order[second]));
            }
        }
    }
}
