using System.Text.Json.Serialization;

namespace ConvexWeb.Training.Events;

/// <summary>The result of a training, as <c>summary.json</c> and the last event of the journal have it.</summary>
/// <param name="Epochs">Epochs done; <paramref name="Steps"/> likewise.</param>
/// <param name="Final">Metrics of the last evaluation.</param>
/// <param name="Best">Metrics of the evaluation that <c>best.safetensors</c> was written after.</param>
/// <param name="TrainSeconds">Seconds of training steps alone.</param>
/// <param name="WeightsSha256">Hash over the network's tensors by name: two runs are the same run if it is equal.</param>
public sealed record RunSummary(
    int Epochs, long Steps, string EndedBecause, IReadOnlyDictionary<string, double> Final, IReadOnlyDictionary<string, double> Best,
    int BestEpoch, double TrainSeconds, string WeightsSha256)
{
    /// <summary>Only a training that has succeeded has a summary. Written first, and not read.</summary>
    [JsonPropertyOrder(-1)]
    public string State { get; } = "Succeeded";

    // The generated reader sets what an older file lacks to null, whatever the initial value: hence the values in place of null below.

    /// <summary>First evaluated epoch and its step with a training accuracy of 100 %.</summary>
    public int? FittedEpoch { get; init; }
    public long? FittedStep { get; init; }

    /// <summary>The same for 99 %; with labels that say nothing, some networks end between the two.</summary>
    public int? NearlyFittedEpoch { get; init; }
    public long? NearlyFittedStep { get; init; }

    /// <summary>The epoch whose weights the run ended with, where they are not the last ones: <see cref="Final"/> is of them.</summary>
    public int? RestoredEpoch { get; init; }

    /// <summary>
    /// Smallest, largest, mean and last value of each metric over the evaluations, of the learning rate (lr) and of the seconds that an
    /// epoch's steps took (epoch_seconds); null of an older version.
    /// </summary>
    public IReadOnlyDictionary<string, MetricSeries>? Series { get; init; }

    /// <summary>Some filters of the first layer, of the epochs that the spec asks for; null where it asks for none.</summary>
    public IReadOnlyList<FilterSnapshot>? Filters { get; init; }

    /// <summary>
    /// Metrics of the evaluation with the highest test accuracy, and its epoch. Chosen by the test split, so no estimate of anything.
    /// </summary>
    public IReadOnlyDictionary<string, double> Peak
    {
        get;
        init => field = value ?? new Dictionary<string, double>();
    } = new Dictionary<string, double>();
    public int PeakEpoch { get; init; }

    /// <summary>SHA-256 of the training labels as they were trained, and which share of them differs from the truth.</summary>
    public string? LabelsSha256 { get; init; }
    public double WrongLabels { get; init; }

    /// <summary>What each expert of a mixture came to be responsible for; null for other models.</summary>
    public IReadOnlyList<ClusterImage>? Clusters { get; init; }

    /// <summary>What the classes are called, in the order of the confusion matrices; null where their numbers are their names.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Confusion matrix and reliability diagram of the last evaluation, by split.</summary>
    public IReadOnlyDictionary<string, SplitSummary> Splits { get; init => field = value ?? new Dictionary<string, SplitSummary>(); }
        = new Dictionary<string, SplitSummary>();

    /// <summary>
    /// Generalization measures at the end, by name; those that the network or its margin does not allow are left out. Null of an older
    /// version.
    /// </summary>
    public IReadOnlyDictionary<string, double>? Measures { get; init; }

    /// <summary>The weight tensors at the end.</summary>
    public IReadOnlyList<LayerSummary> Layers { get; init => field = value ?? []; } = [];
}

/// <summary>What is kept of a split's last evaluation besides its metrics. Macro figures are means over classes.</summary>
/// <param name="Confusion">[K][K]: row true (or trained) class, column predicted class.</param>
/// <param name="CalibrationError">ECE: mean distance of confidence and accuracy, weighted by the bins' images.</param>
/// <param name="CalibrationPlainSum">
/// Such distances in ten bins of width 0.1, summed over those with images (IOC paper, figure 6); in the 15 bins where
/// <see cref="CalibrationPlainSumOfAll"/> is null.
/// </param>
/// <param name="MacroRecall">Also the balanced accuracy, as a share.</param>
/// <param name="Matthews">Matthews' correlation for several classes, −1 to 1.</param>
/// <param name="Youden">Mean over classes of recall + specificity − 1.</param>
/// <param name="UndefinedClasses">Classes without an image or without a prediction: where their figures would be 0/0, they are 0.</param>
public sealed record SplitSummary(
    IReadOnlyList<IReadOnlyList<long>> Confusion, IReadOnlyList<ReliabilityBin> Reliability, double CalibrationError,
    double CalibrationPlainSum, double MacroPrecision, double MacroRecall, double MacroF1, double WeightedF1, double Matthews,
    double Youden, IReadOnlyList<int> UndefinedClasses)
{
    /// <summary>The same sum with bins without images counted at their middle; null from a version whose sum was over 15 bins.</summary>
    public double? CalibrationPlainSumOfAll { get; init; }

    /// <summary>
    /// Deciles of the logit of the label less the best other one, the smallest and the largest first and last; null of an older version.
    /// </summary>
    public IReadOnlyList<double>? MarginDeciles { get; init; }
}

/// <summary>One bar of a reliability diagram: images whose confidence, the largest softmax value, lies in (Low, High].</summary>
/// <param name="Confidence">Mean confidence of its images; 0 without any.</param>
/// <param name="Accuracy">Share of them that is right; 0 without any.</param>
public sealed record ReliabilityBin(double Low, double High, long Count, double Confidence, double Accuracy);

/// <summary>The numbers of one weight tensor as it acts (science.md M).</summary>
public sealed record LayerSummary
{
    public required string Name { get; init; }
    public required long Count { get; init; }

    /// <summary>Density is this over <see cref="Count"/>.</summary>
    public required long NonZeros { get; init; }
    public required double L1 { get; init; }
    public required double Frobenius { get; init; }

    /// <summary>
    /// Largest singular value of the layer as a map on its own inputs, zero padding included; null for what is no linear map.
    /// </summary>
    public double? Spectral { get; init; }

    /// <summary>Whether the iteration stopped before it had found <see cref="Spectral"/> to a ten-thousandth.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSpectralApproximate { get; init; }
    public required double Min { get; init; }
    public required double Max { get; init; }

    /// <summary>Share in (0.98·e^−eps, e^−eps]; null without exp_eps.</summary>
    public double? SpikeShare { get; init; }

    /// <summary>Frobenius distance from the initial weights.</summary>
    public required double FromInit { get; init; }
}

/// <summary>The mean training image of an expert's responsibilities, and the share of all images that it is responsible for.</summary>
/// <param name="Bmp">The image as a BMP file in base64.</param>
public sealed record ClusterImage(double Share, string Bmp);

/// <summary>A metric over the evaluations of a run: the q of a two-measurement (Youden) plot is one of these (science.md S13.6).</summary>
public sealed record MetricSeries(double Final, double Min, double Max, double Mean, int Count)
{
    /// <summary>The series of all metrics after one more evaluation.</summary>
    public static IReadOnlyDictionary<string, MetricSeries> After(
        IReadOnlyDictionary<string, MetricSeries> before, IReadOnlyDictionary<string, double> values)
        => values.ToDictionary(pair => pair.Key, pair => before.TryGetValue(pair.Key, out var known)
            ? new MetricSeries(
                pair.Value, Math.Min(known.Min, pair.Value), Math.Max(known.Max, pair.Value),
                known.Mean + (pair.Value - known.Mean) / (known.Count + 1), known.Count + 1)
            : new MetricSeries(pair.Value, pair.Value, pair.Value, pair.Value, 1));
}
