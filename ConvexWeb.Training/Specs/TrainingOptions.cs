using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Specs;

/// <summary>How long to train and what to report.</summary>
public sealed record TrainingOptions
{
    [Parameter("Passes over the training images.", Min = 1, Max = 100_000)]
    public int Epochs { get; init; } = 10;

    [Parameter("Images per step.", Min = 2, Max = 65_536)]
    public int BatchSize { get; init; } = 64;

    [Parameter("Leave a short last batch of an epoch out, as many recipes do.")]
    public bool DropLast { get; init; }

    [Parameter("full: every training image once an epoch. ra_single_process: repeated augmentation as one process of CycleMLP's code "
        + "runs it, the same third of the images three times each in every epoch; ra_reshuffled: another third in every epoch; in_order: "
        + "every image once, always in the data set's order.")]
    public SamplerKind Sampler { get; init; } = SamplerKind.Full;

    [Parameter("What is minimised: the cross-entropy of the classes, or binary_cross_entropy of each logit by itself, its mean over images "
        + "and classes, as seed 002's code has it; the reported losses stay plain cross-entropy.")]
    public TrainingLoss Loss { get; init; } = TrainingLoss.CrossEntropy;

    [Parameter(
        "Share of the target spread evenly over all classes in the training objective; the reported losses stay plain cross-entropy.",
        Min = 0, Max = 0.9)]
    public double LabelSmoothing { get; init; }

    [Parameter(
        "Keep an exponential moving average of the weights with this decay and evaluate it too (CycleMLP: 0.99996); empty: none.",
        Min = 0.5, Max = 0.9999999, Title = "EMA decay")]
    public double? EmaDecay { get; init; }

    [Parameter(
        "The numbers in which training steps multiply: bf16 is faster on processors and GPUs that have it and rounds to 8 bits; "
        + "weights and evaluations stay in float32.")]
    public Precision Precision { get; init; }

    [Parameter("Epochs between evaluations of both whole splits.", Min = 1, Max = 1000)]
    public int EvaluateEvery { get; init; } = 1;

    [Parameter("Steps between points of the running loss; empty: about 20 an epoch.", Min = 1, Max = 1_000_000)]
    public int? PointsEvery { get; init; }

    [Parameter("Stop once every training image is classified as labelled (eval mode).")]
    public bool StopWhenFitted { get; init; }

    [Parameter(
        "Stop once the training loss over the whole split (eval mode) is below this; empty: never. "
        + "The IOC paper's tables of label noise take 0.001.",
        Min = 0, Max = 100)]
    public double? StopBelowLoss { get; init; }

    [Parameter(
        "Stop when the validation accuracy has not improved for this many evaluations; needs a validation share.", Min = 1, Max = 10_000)]
    public int? Patience { get; init; }

    [Parameter("What patience looks at, and what the best evaluation is chosen by. test_loss is what seed 001's code does: the test images "
        + "then choose the epoch, and their figures are no estimate.", Title = "Patience on")]
    public StoppingSignal PatienceOn { get; init; } = StoppingSignal.ValidationAccuracy;

    [Parameter("By how much an evaluation must be better to count; of an accuracy in percent.", Min = 0, Max = 100)]
    public double MinDelta { get; init; }

    [Parameter("End with the weights of the best evaluation instead of the last ones.")]
    public bool RestoreBest { get; init; }

    [Parameter("Report the non-zero weights, the norm and the way from the start of each layer after every evaluated epoch.")]
    public bool LayerMetrics { get; init; }

    [Parameter("Epochs after which some filters of the first layer are kept, 0 for the start, at most eight; empty: none.",
        Min = 0, Max = 100_000)]
    public IReadOnlyList<int>? FilterEpochs { get; init; }

    [Parameter("How many filters are kept, drawn by the seed without replacement.", Min = 1, Max = 32)]
    public int FilterCount { get; init; } = 16;

    /// <summary>Steps of an epoch over so many training images.</summary>
    internal long StepsPerEpoch(long images) => Batching.StepsPerEpoch(Sampling.ImagesPerEpoch(Sampler, images), BatchSize, DropLast);
}

/// <summary>What a training minimises.</summary>
public enum TrainingLoss
{
    CrossEntropy,
    BinaryCrossEntropy,
}

/// <summary>What the early stop of a training looks at.</summary>
public enum StoppingSignal
{
    ValidationAccuracy,
    ValidationLoss,
    TestLoss,
}
