namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>
/// How often each true class was predicted as each class, over a whole split, and the figures that follow from it (science.md M).
/// A figure of a class that would be 0/0 is 0 and the class is counted in <see cref="Undefined"/>.
/// </summary>
public sealed class ConfusionMatrix
{
    private readonly long[] actual;
    private readonly long[] predicted;

    /// <param name="counts">[K][K]: row true class, column predicted class.</param>
    public ConfusionMatrix(IReadOnlyList<IReadOnlyList<long>> counts)
    {
        Counts = counts;
        actual = [.. counts.Select(row => row.Sum())];
        predicted = [.. Enumerable.Range(0, counts.Count).Select(k => counts.Sum(row => row[k]))];
        Total = actual.Sum();
        Correct = Enumerable.Range(0, counts.Count).Sum(k => counts[k][k]);
    }

    public IReadOnlyList<IReadOnlyList<long>> Counts { get; }
    public int Classes => Counts.Count;
    public long Total { get; }
    public long Correct { get; }
    public double Accuracy => Ratio(Correct, Total);

    /// <summary>TP/(TP+FP) of each class.</summary>
    public IReadOnlyList<double> Precision => [.. Enumerable.Range(0, Classes).Select(k => Ratio(Counts[k][k], predicted[k]))];

    /// <summary>TP/(TP+FN) of each class.</summary>
    public IReadOnlyList<double> Recall => [.. Enumerable.Range(0, Classes).Select(k => Ratio(Counts[k][k], actual[k]))];

    /// <summary>TN/(TN+FP) of each class.</summary>
    public IReadOnlyList<double> Specificity
        => [.. Enumerable.Range(0, Classes).Select(k => Ratio(Total - actual[k] - predicted[k] + Counts[k][k], Total - actual[k]))];

    /// <summary>F with weight <paramref name="beta"/> on recall, of each class.</summary>
    public IReadOnlyList<double> F(double beta = 1)
        => [.. Precision.Zip(Recall, (p, r) => beta * beta * p + r is > 0 and var below ? (1 + beta * beta) * p * r / below : 0)];

    /// <summary>Classes without a prediction, or without an image: their precision or recall is set to 0.</summary>
    public IReadOnlyList<int> Undefined => [.. Enumerable.Range(0, Classes).Where(k => predicted[k] == 0 || actual[k] == 0)];

    public double MacroPrecision => Precision.Average();

    /// <summary>Also the balanced accuracy.</summary>
    public double MacroRecall => Recall.Average();

    public double MacroF => F().Average();

    /// <summary>Micro-averaged precision, recall and F of single-label classes are all the accuracy.</summary>
    public double MicroF => Accuracy;

    public double WeightedF => Total == 0 ? 0 : F().Zip(actual, (f, n) => f * n).Sum() / Total;

    /// <summary>Mean over classes of Youden's J, recall + specificity − 1.</summary>
    public double Youden => Recall.Zip(Specificity, (r, s) => r + s - 1).Average();

    /// <summary>Matthews' correlation for several classes (Gorodkin's R).</summary>
    public double Matthews
    {
        get
        {
            var cross = (double)Correct * Total - actual.Zip(predicted, (a, p) => (double)a * p).Sum();
            var spreadActual = (double)Total * Total - actual.Sum(a => (double)a * a);
            var spreadPredicted = (double)Total * Total - predicted.Sum(p => (double)p * p);
            return spreadActual > 0 && spreadPredicted > 0 ? cross / Math.Sqrt(spreadActual * spreadPredicted) : 0;
        }
    }

    private static double Ratio(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
}
