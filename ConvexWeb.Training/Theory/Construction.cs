using System.Numerics;

namespace ConvexWeb.Training.Theory;

/// <summary>
/// The steps of the construction (science.md S9.2) for a type of number: float64 is the construction, float32 shows where it fails.
/// Arrays are [n] in ascending order of the projections z.
/// </summary>
internal static class Construction<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    // e: with knots at b = z + e·gap the error of one slope reaches the next one times e/(1 − e). At 1/4 that is a third; in the middle of
    // the gap it would be 1, and errors would never fade.
    private static readonly T KnotShare = T.CreateChecked(0.25);

    /// <summary>b₁ = z₁ − 1, and b_i = z_{i−1} + e·(z_i − z_{i−1}). O(n).</summary>
    public static T[] Knots(T[] z)
    {
        var knots = new T[z.Length];
        for (var i = 0; i < z.Length; i++) knots[i] = i == 0 ? z[0] - T.One : z[i - 1] + KnotShare * (z[i] - z[i - 1]);
        return knots;
    }

    /// <summary>
    /// The w that make Σ_j w_j·max(z_i − b_j, 0) = y_i: forward substitution in A w = y with A_ij = max(z_i − b_j, 0), which is lower
    /// triangular, in O(n) and without the matrix. s is the slope behind the knot before: w_i is how much it changes at b_i.
    /// </summary>
    public static T[] Weights(T[] z, T[] knots, T[] y)
    {
        var weights = new T[z.Length];
        var slope = T.Zero;
        for (var i = 0; i < z.Length; i++)
        {
            var start = i == 0 ? T.Zero : y[i - 1] + slope * (knots[i] - z[i - 1]);
            var next = (y[i] - start) / (z[i] - knots[i]);
            (weights[i], slope) = (next - slope, next);
        }
        return weights;
    }

    /// <summary>The network at z as it is written: the sum of all n terms, from the left; those behind z are zero. O(n).</summary>
    /// <param name="knots">Ascending.</param>
    public static T Forward(T z, T[] knots, T[] weights)
    {
        var sum = T.Zero;
        for (var j = 0; j < knots.Length && knots[j] < z; j++) sum += weights[j] * (z - knots[j]);
        return sum;
    }

    /// <summary>Points that are not strictly between their knot and the next one.</summary>
    public static int Misplaced(T[] z, T[] knots)
    {
        var count = 0;
        for (var i = 0; i < z.Length; i++) count += knots[i] < z[i] && (i + 1 == z.Length || z[i] < knots[i + 1]) ? 0 : 1;
        return count;
    }

    /// <summary>Neighbours with equal projections.</summary>
    public static int Ties(T[] z)
    {
        var count = 0;
        for (var i = 1; i < z.Length; i++) count += z[i] == z[i - 1] ? 1 : 0;
        return count;
    }
}
