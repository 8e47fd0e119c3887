using ConvexWeb.Training.Events;

namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>
/// How far confidences (the largest softmax value) are from accuracies: in 15 bins of equal width, and in the ten of the IOC paper's
/// figure 6 (science.md M).
/// </summary>
/// <param name="TenBins">Of width 0.1.</param>
public sealed record Calibration(IReadOnlyList<ReliabilityBin> Bins, IReadOnlyList<ReliabilityBin> TenBins)
{
    public const int BinCount = 15;
    public const int TenBinCount = 10;

    private long Total => Bins.Sum(b => b.Count);

    /// <summary>Expected calibration error: mean distance weighted by the bins' counts.</summary>
    public double Error => Total == 0 ? 0 : Bins.Sum(b => b.Count * Math.Abs(b.Accuracy - b.Confidence)) / Total;

    /// <summary>The plain sum of distances over the ten bins that have images.</summary>
    public double PlainSum => TenBins.Where(b => b.Count > 0).Sum(b => Math.Abs(b.Accuracy - b.Confidence));

    /// <summary>
    /// The same with a bin without images counted as an accuracy of 0 at its middle: the other reading of the paper's ten bars.
    /// </summary>
    public double PlainSumOfAll => PlainSum + TenBins.Where(b => b.Count == 0).Sum(b => (b.Low + b.High) / 2);

    /// <param name="counts">Images of each bin.</param>
    /// <param name="confidences">Sums of their confidences.</param>
    /// <param name="correct">How many of them are right.</param>
    public static IReadOnlyList<ReliabilityBin> BinsOf(
        IReadOnlyList<double> counts, IReadOnlyList<double> confidences, IReadOnlyList<double> correct) =>
    [
        .. Enumerable.Range(0, counts.Count).Select(i => new ReliabilityBin(
            (double)i / counts.Count, (i + 1.0) / counts.Count, (long)counts[i],
            counts[i] > 0 ? confidences[i] / counts[i] : 0, counts[i] > 0 ? correct[i] / counts[i] : 0)),
    ];
}
