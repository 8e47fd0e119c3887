using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Labels;

/// <summary>What is done to the training labels, once and for the whole run. Test labels are never touched.</summary>
public abstract record LabelOptions : ChoiceOptions;

/// <summary>The labels as they are.</summary>
[Choice("true")]
public sealed record TrueLabelOptions : LabelOptions;

/// <summary>What all corruptions of labels have in common.</summary>
public abstract record CorruptedLabelOptions : LabelOptions
{
    [Parameter("Seed of what is drawn; empty: the run's own, so that runs of different seeds have different labels. "
        + "With a seed given here, they share the corrupted labels.", Min = 0, Max = int.MaxValue)]
    public int? CorruptionSeed { get; init; }

    [Parameter("Whether the labels of held out training images are corrupted like the rest (as_trained), or stay true (clean).",
        Title = "Validation labels")]
    public ValidationLabels ValidationLabels { get; init; } = ValidationLabels.AsTrained;
}

/// <summary>Which labels the held out training images have.</summary>
public enum ValidationLabels
{
    AsTrained,
    Clean,
}

/// <summary>Each label is redrawn uniformly with probability p; it may come out true.</summary>
[Choice("partial")]
public sealed record PartialLabelOptions : CorruptedLabelOptions
{
    [Parameter("Probability with which a label is redrawn, uniformly over all classes.", Min = 0, Max = 1)]
    public double P { get; init; } = 0.5;
}

/// <summary>Exactly round(p·n) labels are redrawn uniformly; they may come out true.</summary>
[Choice("partial_exact")]
public sealed record PartialExactLabelOptions : CorruptedLabelOptions
{
    [Parameter("Share of the labels that is redrawn, uniformly over all classes.", Min = 0, Max = 1)]
    public double P { get; init; } = 0.5;
}

/// <summary>Every label is redrawn.</summary>
[Choice("random")]
public sealed record RandomLabelOptions : CorruptedLabelOptions;

/// <summary>Symmetric noise: with probability p a label becomes one of the other classes, each as likely.</summary>
[Choice("sym_wrong")]
public sealed record SymmetricWrongLabelOptions : CorruptedLabelOptions
{
    [Parameter("Probability with which a label becomes a wrong one; partial labels of the same p come out true now and then.",
        Min = 0, Max = 1)]
    public double P { get; init; } = 0.15;
}

/// <summary>
/// As seed 001's code draws them: int(p·n) places with replacement, and a class of the first ten for each, also where there are more.
/// </summary>
[Choice("seed001_labels")]
public sealed record Seed001LabelOptions : CorruptedLabelOptions
{
    /// <summary>Classes that are drawn from, on any data set.</summary>
    internal const int Drawn = 10;

    [Parameter("Number of draws as a share of the images; of 0.5, 39 % of the labels are touched, and 35 % wrong where there are "
        + "ten classes.", Min = 0, Max = 1)]
    public double P { get; init; } = 0.5;
}
