namespace ConvexWeb.Training.Theory;

/// <summary>
/// Theorem 1 of Zhang et al. 2017 (arXiv 1611.03530, section 4; science.md S9): c(x) = Σ_j w_j·max(⟨a, x⟩ − b_j, 0), a network of depth 2
/// with 2n + d weights that has any given values at n distinct points of d coordinates. It is computed, never trained: no other point is
/// ever looked at. Shapes: x [d] → ⟨a, x⟩, one number → minus b [n] → ReLU → w, one number. With K outputs that share a and b it has
/// d + n + n·K weights.
/// Errors: exact in real arithmetic; in float64 about 10⁻⁵ at 50,000 points, since weights reach 10⁹ and cancel.
/// </summary>
public sealed class TheoremOne
{
    private readonly double[] direction;
    private readonly double[] knots;
    private readonly double[][] weights;

    private TheoremOne(double[] direction, double[] knots, double[][] weights)
        => (this.direction, this.knots, this.weights) = (direction, knots, weights);

    /// <summary>a, [d].</summary>
    public IReadOnlyList<double> Direction => direction;

    /// <summary>b, [n], ascending.</summary>
    public IReadOnlyList<double> Knots => knots;

    /// <summary>K.</summary>
    public int Outputs => weights.Length;

    /// <summary>How many numbers the network holds, counted in the arrays that hold them: 2n + d for one output.</summary>
    public long StoredNumbers => direction.LongLength + knots.LongLength + weights.Sum(output => output.LongLength);

    /// <summary>w of an output, [n].</summary>
    public IReadOnlyList<double> WeightsOf(int output = 0) => weights[output];

    /// <param name="targets">[K][n], in the points' own order: the values of each output.</param>
    public static TheoremOne Build(SortedSample sample, params IReadOnlyList<IReadOnlyList<double>> targets)
    {
        var knots = Construction<double>.Knots(sample.Z);
        return new(sample.Direction, knots, [.. targets.Select(output =>
            Construction<double>.Weights(sample.Z, knots, [.. sample.Order.Select(point => output[point])]))]);
    }

    /// <summary>The values 0 and 1 of each class's output: 1 at the points of the class.</summary>
    public static IReadOnlyList<IReadOnlyList<double>> OneHot(IReadOnlyList<int> labels, int classes)
        => [.. Enumerable.Range(0, classes).Select(k => (double[])[.. labels.Select(label => label == k ? 1.0 : 0.0)])];

    /// <summary>
    /// Whether b₁ &lt; z₁ &lt; b₂ &lt; … &lt; z_n holds in float64. The eigenvalues of A are the z_i − b_i, so A is regular then.
    /// </summary>
    /// <param name="z">Ascending.</param>
    public static bool HasRoom(double[] z) => Construction<double>.Misplaced(z, Construction<double>.Knots(z)) == 0;

    /// <summary>One output with a weight that differs from the solution: for tests that have to find it wrong.</summary>
    internal TheoremOne WithWeight(int place, double weight)
    {
        var changed = (double[])weights[0].Clone();
        changed[place] = weight;
        return new(direction, knots, [changed, .. weights[1..]]);
    }

    /// <summary>The network at a projection, summed term by term as the formula says. O(n).</summary>
    public double Forward(double z, int output = 0) => Construction<double>.Forward(z, knots, weights[output]);

    /// <summary>The same function by its pieces: O(log n) at a place, after O(n) once.</summary>
    public PiecewiseLine Line(int output = 0) => new(knots, weights[output]);
}
