namespace ConvexWeb.Client.Contracts;

/// <summary>What a training says at its end.</summary>
public sealed record RunSummary
{
    /// <summary>Epochs and steps done.</summary>
    public required int Epochs { get; init; }
    public required long Steps { get; init; }
    public required string EndedBecause { get; init; }

    /// <summary>Metric → value at the last evaluation.</summary>
    public required IReadOnlyDictionary<string, double> Final { get; init; }

    /// <summary>
    /// Metric → value at the evaluation with the best validation accuracy; without a validation split, with the lowest training loss.
    /// </summary>
    public required IReadOnlyDictionary<string, double> Best { get; init; }
    public required int BestEpoch { get; init; }

    /// <summary>Seconds of training steps alone.</summary>
    public required double TrainSeconds { get; init; }

    /// <summary>SHA-256 over the network's tensors by name: two runs are the same run if it is equal.</summary>
    public required string WeightsSha256 { get; init; }

    /// <summary>First evaluated epoch, and its step, with a training accuracy of 100 %; null when it never came to that.</summary>
    public int? FittedEpoch { get; init; }
    public long? FittedStep { get; init; }

    /// <summary>The same for 99 %: with labels that say nothing, some networks end between the two.</summary>
    public int? NearlyFittedEpoch { get; init; }
    public long? NearlyFittedStep { get; init; }

    /// <summary>The epoch whose weights the run ended with, where they are not the last ones; the final figures are of them.</summary>
    public int? RestoredEpoch { get; init; }

    /// <summary>Of each metric over the evaluations: a plot of two such numbers of each run is a Youden plot.</summary>
    public IReadOnlyDictionary<string, MetricSeries> Series { get; init; } = new Dictionary<string, MetricSeries>();

    /// <summary>Generalization measures at the end, by name; those that the network or its margin does not allow are left out.</summary>
    public IReadOnlyDictionary<string, double> Measures { get; init; } = new Dictionary<string, double>();

    /// <summary>
    /// Metric → value at the evaluation with the highest test accuracy. It is chosen by the test split, so it is no
    /// estimate: published tables have such peaks.
    /// </summary>
    public IReadOnlyDictionary<string, double> Peak { get; init; } = new Dictionary<string, double>();
    public int PeakEpoch { get; init; }

    /// <summary>
    /// SHA-256 of the training labels as they were trained, and which share of them differs from the
    /// truth; null for a run of an older version.
    /// </summary>
    public string? LabelsSha256 { get; init; }
    public double WrongLabels { get; init; }

    /// <summary>Of a mixture of experts: what each came to be responsible for.</summary>
    public IReadOnlyList<ClusterImage>? Clusters { get; init; }

    /// <summary>What the classes are called, in the order of the confusion matrices; null where their numbers are their names.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Split (train, test) → what is known of its last evaluation besides the metrics.</summary>
    public IReadOnlyDictionary<string, SplitSummary> Splits { get; init; } = new Dictionary<string, SplitSummary>();

    /// <summary>The weight tensors at the end.</summary>
    public IReadOnlyList<LayerSummary> Layers { get; init; } = [];
}

/// <summary>The mean training image of an expert's responsibilities, and the share of all images that it is responsible for.</summary>
/// <param name="Bmp">The image as a BMP file in base64.</param>
public sealed record ClusterImage(double Share, string Bmp);

/// <summary>The last evaluation of a split. Macro figures are means over classes.</summary>
/// <param name="Confusion">[K][K]: row true class (for training, the class that was trained), column predicted class.</param>
/// <param name="CalibrationError">ECE: mean distance of confidence and accuracy, weighted by the bins' images.</param>
/// <param name="CalibrationPlainSum">
/// Such distances in ten bins of width 0.1, summed over those with images (IOC paper, figure 6); in the 15 bins where
/// <see cref="CalibrationPlainSumOfAll"/> is null.
/// </param>
/// <param name="MacroRecall">Also the balanced accuracy, as a share.</param>
/// <param name="Matthews">Matthews' correlation for several classes, −1 to 1.</param>
/// <param name="Youden">Mean over classes of recall + specificity − 1.</param>
/// <param name="UndefinedClasses">Classes without an image or without a prediction: where their
/// figures would be 0/0, they count as 0.</param>
public sealed record SplitSummary(
    IReadOnlyList<IReadOnlyList<long>> Confusion, IReadOnlyList<ReliabilityBin> Reliability,
    double CalibrationError, double CalibrationPlainSum, double MacroPrecision, double MacroRecall, double MacroF1, double WeightedF1,
    double Matthews, double Youden, IReadOnlyList<int> UndefinedClasses)
{
    /// <summary>The same sum with bins without images counted at their middle; null from a version whose sum was over 15 bins.</summary>
    public double? CalibrationPlainSumOfAll { get; init; }

    /// <summary>
    /// The logit of the label less the best other one: the smallest, the 10th to 90th percentile and the largest; empty of an older
    /// version.
    /// </summary>
    public IReadOnlyList<double> MarginDeciles { get; init; } = [];
}

/// <summary>
/// Images whose confidence, the largest softmax value, lies in (Low, High]: how many, their mean
/// confidence, and which share of them is right.
/// </summary>
public sealed record ReliabilityBin(double Low, double High, long Count, double Confidence, double Accuracy);

/// <summary>The numbers of one weight tensor as it acts.</summary>
/// <param name="FromInit">Frobenius distance from the initial weights.</param>
public sealed record LayerSummary(
    string Name, long Count, long NonZeros, double L1, double Frobenius, double Min, double Max, double FromInit)
{
    /// <summary>Largest singular value of the layer as a linear map; null for what is none.</summary>
    public double? Spectral { get; init; }

    /// <summary>Whether the iteration stopped before it had found <see cref="Spectral"/> to a ten-thousandth.</summary>
    public bool IsSpectralApproximate { get; init; }

    /// <summary>Share of weights in (0.98·e^−eps, e^−eps]; null without exp_eps.</summary>
    public double? SpikeShare { get; init; }
}

/// <summary>A metric over the evaluations of a run.</summary>
public sealed record MetricSeries(double Final, double Min, double Max, double Mean, int Count);
