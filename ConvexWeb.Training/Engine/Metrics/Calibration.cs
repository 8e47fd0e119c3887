using ConvexWeb.Training.Events;

namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>How far confidences (the largest softmax value) are from accuracies, in 15 bins of equal width (science.md M).</summary>
public sealed record Calibration(IReadOnlyList<ReliabilityBin> Bins)
{
    public const int BinCount = 15;

    private long Total => Bins.Sum(b => b.Count);

    /// <summary>Expected calibration error: mean distance weighted by the bins' counts.</summary>
    public double Error => Total == 0 ? 0 : Bins.Sum(b => b.Count * Math.Abs(b.Accuracy - b.Confidence)) / Total;

    /// <summary>The plain sum of distances over bins that have images, as the IOC paper describes it.</summary>
    public double PlainSum => Bins.Where(b => b.Count > 0).Sum(b => Math.Abs(b.Accuracy - b.Confidence));

    /// <param name="counts">Images of each bin.</param>
    /// <param name="confidences">Sums of their confidences.</param>
    /// <param name="correct">How many of them are right.</param>
    public static Calibration Of(IReadOnlyList<double> counts, IReadOnlyList<double> confidences, IReadOnlyList<double> correct) => new(
    [
        .. Enumerable.Range(0, BinCount).Select(i => new ReliabilityBin(
            (double)i / BinCount, (i + 1.0) / BinCount, (long)counts[i],
            counts[i] > 0 ? confidences[i] / counts[i] : 0, counts[i] > 0 ? correct[i] / counts[i] : 0)),
    ]);
}
