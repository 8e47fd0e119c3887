using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Labels;

/// <summary>What is done to the training labels, once and for the whole run. Test labels are never touched.</summary>
public abstract record LabelOptions : ChoiceOptions;

/// <summary>The labels as they are.</summary>
[Choice("true")]
public sealed record TrueLabelOptions : LabelOptions;

/// <summary>Each label is redrawn uniformly with probability p; it may come out true.</summary>
[Choice("partial")]
public sealed record PartialLabelOptions : LabelOptions
{
    [Parameter("Probability with which a label is redrawn, uniformly over all classes.", Min = 0, Max = 1)]
    public double P { get; init; } = 0.5;
}

/// <summary>Exactly round(p·n) labels are redrawn uniformly; they may come out true.</summary>
[Choice("partial_exact")]
public sealed record PartialExactLabelOptions : LabelOptions
{
    [Parameter("Share of the labels that is redrawn, uniformly over all classes.", Min = 0, Max = 1)]
    public double P { get; init; } = 0.5;
}

/// <summary>Every label is redrawn.</summary>
[Choice("random")]
public sealed record RandomLabelOptions : LabelOptions;
