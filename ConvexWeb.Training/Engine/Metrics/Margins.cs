using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>How far the logit of the label lies above the best other one, over a split (science.md B9); below 0 is an error.</summary>
/// <param name="Deciles">The smallest, the 10th, 20th, … 90th percentile and the largest: eleven numbers, interpolated linearly.</param>
public sealed record Margins(double Mean, IReadOnlyList<double> Deciles)
{
    private const int Parts = 10;

    /// <param name="logits">[B, K].</param>
    /// <param name="labels">int64 [B].</param>
    /// <returns>float64 [B].</returns>
    internal static Tensor Of(Tensor logits, Tensor labels)
    {
        using var scope = NewDisposeScope();
        var own = logits.gather(1, labels.unsqueeze(1));
        var others = logits.scatter(1, labels.unsqueeze(1), full_like(own, float.NegativeInfinity));
        return (own.squeeze(1) - others.amax([1])).to(ScalarType.Float64).MoveToOuterDisposeScope();
    }

    /// <param name="all">float64 [N], N at least 1.</param>
    internal static Margins Over(Tensor all)
    {
        using var scope = NewDisposeScope();
        var sorted = all.sort().Values.cpu().data<double>().ToArray();
        return new(sorted.Average(), [.. Enumerable.Range(0, Parts + 1).Select(part => At(sorted, (double)part / Parts))]);
    }

    private static double At(double[] sorted, double share)
    {
        var place = share * (sorted.Length - 1);
        var below = (int)place;
        var above = Math.Min(sorted.Length - 1, below + 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }
}
