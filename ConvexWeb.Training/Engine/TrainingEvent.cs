using System.Text.Json.Serialization;
using ConvexWeb.Training.Engine.Metrics;

namespace ConvexWeb.Training.Engine;

/// <summary>What a training says while it runs: one JSON line each.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(StartedEvent), "started")]
[JsonDerivedType(typeof(PointsEvent), "points")]
[JsonDerivedType(typeof(EpochEvent), "epoch")]
[JsonDerivedType(typeof(MessageEvent), "message")]
[JsonDerivedType(typeof(CheckpointEvent), "checkpoint")]
[JsonDerivedType(typeof(FinishedEvent), "finished")]
[JsonDerivedType(typeof(StoppedEvent), "stopped")]
[JsonDerivedType(typeof(FailedEvent), "failed")]
public abstract record TrainingEvent
{
    /// <summary>Line of the journal, from 1; set by the writer.</summary>
    public long N { get; init; }

    /// <summary>UTC; set by the writer.</summary>
    public DateTimeOffset At { get; init; }
}

public sealed record StartedEvent(long Step, bool Resumed, string Device, int Threads, long Parameters, long StepsPerEpoch, long TotalSteps) : TrainingEvent
{
    /// <summary>Of the training labels after corruption.</summary>
    public string? LabelsSha256 { get; init; }

    /// <summary>Share of training labels that differ from the truth.</summary>
    public double WrongLabels { get; init; }
}

/// <summary>Values of metrics at a step; <paramref name="Epoch"/> is a fraction.</summary>
public sealed record PointsEvent(long Step, double Epoch, IReadOnlyDictionary<string, double> Values) : TrainingEvent;

/// <summary>Evaluation after <paramref name="Epoch"/> epochs, on whole splits.</summary>
public sealed record EpochEvent(int Epoch, long Step, IReadOnlyDictionary<string, double> Values) : TrainingEvent;

public sealed record MessageEvent(string Level, string Text) : TrainingEvent;

public sealed record CheckpointEvent(string Kind, long Step, string File, long Bytes, string Sha256) : TrainingEvent;

public sealed record FinishedEvent(long Step, RunSummary Summary) : TrainingEvent;

public sealed record StoppedEvent(long Step) : TrainingEvent;

public sealed record FailedEvent(long Step, string Error) : TrainingEvent;

/// <summary>What <c>summary.json</c> holds.</summary>
/// <param name="Final">Metrics of the last evaluation.</param>
/// <param name="Best">Metrics of the evaluation that <c>best.safetensors</c> was written after.</param>
/// <param name="WeightsSha256">Hash over the network's tensors by name: two runs are the same run if it is equal.</param>
public sealed record RunSummary(
    string State, int Epochs, long Steps, string EndedBecause, IReadOnlyDictionary<string, double> Final, IReadOnlyDictionary<string, double> Best, int BestEpoch,
    double TrainSeconds, string WeightsSha256)
{
    /// <summary>First evaluated epoch and its step with a training accuracy of 100 %.</summary>
    public int? FittedEpoch { get; init; }
    public long? FittedStep { get; init; }

    /// <summary>Metrics of the evaluation with the highest test accuracy, and its epoch. Chosen by the test split, so no estimate of anything.</summary>
    public IReadOnlyDictionary<string, double> Peak { get; init; } = new Dictionary<string, double>();
    public int PeakEpoch { get; init; }

    /// <summary>SHA-256 of the training labels as they were trained, and which share of them differs from the truth.</summary>
    public string? LabelsSha256 { get; init; }
    public double WrongLabels { get; init; }

    /// <summary>What each expert of a mixture came to be responsible for; null for other models.</summary>
    public IReadOnlyList<ClusterImage>? Clusters { get; init; }

    /// <summary>What the classes are called, in the order of the confusion matrices; null where their numbers are their names.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Confusion matrix and reliability diagram of the last evaluation, by split.</summary>
    public IReadOnlyDictionary<string, SplitDetails> Splits { get; init; } = new Dictionary<string, SplitDetails>();

    /// <summary>The weight tensors at the end.</summary>
    public IReadOnlyList<LayerStatistics> Layers { get; init; } = [];
}

/// <summary>What is kept of a split's last evaluation besides its figures.</summary>
/// <param name="Confusion">[K][K]: row true (or trained) class, column predicted class.</param>
public sealed record SplitDetails(IReadOnlyList<IReadOnlyList<long>> Confusion, IReadOnlyList<ReliabilityBin> Reliability, double CalibrationError, double CalibrationPlainSum,
    double MacroPrecision, double MacroRecall, double MacroF1, double WeightedF1, double Matthews, double Youden, IReadOnlyList<int> UndefinedClasses)
{
    public static SplitDetails Of(Evaluation evaluation) => new(
        evaluation.Confusion.Counts, evaluation.Calibration.Bins, evaluation.Calibration.Error, evaluation.Calibration.PlainSum, evaluation.Confusion.MacroPrecision,
        evaluation.Confusion.MacroRecall, evaluation.Confusion.MacroF, evaluation.Confusion.WeightedF, evaluation.Confusion.Matthews, evaluation.Confusion.Youden, evaluation.Confusion.Undefined);
}

/// <summary>The mean training image of an expert's responsibilities, and the share of all images that it is responsible for.</summary>
/// <param name="Bmp">The image as a BMP file in base64.</param>
public sealed record ClusterImage(double Share, string Bmp);
