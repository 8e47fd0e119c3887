namespace ConvexWeb.Training.Theory;

/// <summary>
/// Corollary 1 of Zhang et al. 2017: the same function by a ReLU network of depth k ≥ 2, width O(n/k) and O(n + d) weights. Each of the
/// k − 1 hidden layers has the ReLUs of about n/(k − 1) neighbouring points, and up to three that carry on what later layers need: the
/// distance t ≥ 0 from the first knot, and the positive and negative part of the sum so far.
/// </summary>
/// <remarks>
/// The terms of the sum are independent of each other, so no layer has to know in which interval a point lies: the indicators of the
/// paper's sketch are not needed. ReLU carries any t ≥ 0, so projections are shifted to begin at 0 and not scaled to [0, 1]. Left of the
/// first knot t is 0 and so is the function.
/// </remarks>
public sealed class LayeredTheoremOne
{
    private readonly double first;
    private readonly double[][] thresholds;
    private readonly double[][] weights;

    /// <exception cref="TheoryException">There is not a point for each hidden layer, or the depth is below 2.</exception>
    public LayeredTheoremOne(TheoremOne network, int depth)
    {
        var n = network.Knots.Count;
        if (depth < 2 || depth - 1 > n) throw new TheoryException($"The depth must be from 2 to {n + 1} for {n} points; got {depth}.");
        Depth = depth;
        first = network.Knots[0];
        var layers = Enumerable.Range(0, depth - 1).Select(layer => (From: Cut(layer), To: Cut(layer + 1))).ToList();
        thresholds = [.. layers.Select(part => Part(network.Knots, part, knot => knot - first))];
        weights = [.. layers.Select(part => Part(network.WeightsOf(), part, weight => weight))];

        int Cut(int layer) => (int)((long)n * layer / (depth - 1));
    }

    public int Depth { get; }

    /// <summary>Units of the widest hidden layer. The first one has no sum yet, and the last one needs no distance any more.</summary>
    public int Width => Hidden == 1 ? weights[0].Length
        : weights.Select((layer, i) => layer.Length + (i == 0 ? 1 : i == Hidden - 1 ? 2 : 3)).Max();

    /// <summary>
    /// All connections and biases of the network. Of a ReLU: one in, a bias, one out to the result or two to the carried parts. Of what is
    /// carried: the first distance with its bias, one distance and four parts between two layers, and two parts to the result.
    /// </summary>
    /// <param name="dimensions">d, the weights of the projection.</param>
    public long Connections(int dimensions)
    {
        var (n, last) = (weights.Sum(layer => (long)layer.Length), weights[^1].Length);
        return Hidden == 1 ? dimensions + 3 * n : dimensions + 2 * n + 2 * (n - last) + last + 2 + 5L * (Hidden - 2) + 2;
    }

    private int Hidden => Depth - 1;

    /// <summary>The network at a projection, layer by layer.</summary>
    public double Forward(double z)
    {
        var (distance, positive, negative) = (z - first, 0.0, 0.0);
        for (var layer = 0; ; layer++)
        {
            var sum = positive - negative;
            for (var j = 0; j < thresholds[layer].Length; j++)
                sum += weights[layer][j] * Math.Max(distance - thresholds[layer][j], 0);
            if (layer == Hidden - 1) return sum;
            (distance, positive, negative) = (Math.Max(distance, 0), Math.Max(sum, 0), Math.Max(-sum, 0));
        }
    }

    private static double[] Part(IReadOnlyList<double> values, (int From, int To) part, Func<double, double> change)
        => [.. Enumerable.Range(part.From, part.To - part.From).Select(i => change(values[i]))];
}
