using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Schedules;

/// <summary>The learning rate's factor over the run.</summary>
public abstract record ScheduleOptions : ChoiceOptions;

[Choice("constant")]
public sealed record ConstantScheduleOptions : ScheduleOptions;

[Choice("cosine")]
public sealed record CosineScheduleOptions : ScheduleOptions
{
    [Parameter("Epochs of linear warm-up.", Min = 0, Max = 10_000)]
    public int WarmupEpochs { get; init; }

    [Parameter("Factor at the start of the warm-up.", Min = 0, Max = 1)]
    public double WarmupFactor { get; init; }

    [Parameter("Factor at the end.", Min = 0, Max = 1)]
    public double FinalFactor { get; init; }

    [Parameter("Behind the warm-up, take each epoch's first factor for all of its steps, as a scheduler does that is asked once an epoch.")]
    public bool PerEpoch { get; init; }
}

[Choice("timm_cosine")]
public sealed record TimmCosineScheduleOptions : ScheduleOptions
{
    [Parameter("Epochs of linear warm-up; the half cosine runs over all epochs and is joined after these.", Min = 0, Max = 10_000)]
    public int WarmupEpochs { get; init; } = 5;

    [Parameter("Factor at the start of the warm-up.", Min = 0, Max = 1)]
    public double WarmupFactor { get; init; } = 0.016;

    [Parameter("Factor at the end of the half cosine.", Min = 0, Max = 1)]
    public double FinalFactor { get; init; } = 0.16;
}

[Choice("multi_step")]
public sealed record MultiStepScheduleOptions : ScheduleOptions
{
    [Parameter("Epochs after which the factor is multiplied, in increasing order.", Min = 1, Max = 100_000)]
    public IReadOnlyList<int> Milestones { get; init; } = [5];

    [Parameter("What it is multiplied by.", Min = 1e-6, Max = 1)]
    public double Gamma { get; init; } = 0.1;
}

[Choice("plateau")]
public sealed record PlateauScheduleOptions : ScheduleOptions
{
    [Parameter("What the factor is multiplied by when the training loss has stopped falling.", Min = 1e-6, Max = 0.99)]
    public double Gamma { get; init; } = 0.1;

    [Parameter("Evaluations without a lower training loss (by 0.01 %) before that.", Min = 1, Max = 10_000)]
    public int Patience { get; init; } = 10;

    [Parameter("The factor falls no further than this.", Min = 0, Max = 1)]
    public double MinFactor { get; init; } = 1e-4;
}

/// <summary>1 − e/E, set once an epoch.</summary>
[Choice("linear")]
public sealed record LinearScheduleOptions : ScheduleOptions;

/// <summary>1/(e + 1), set once an epoch.</summary>
[Choice("inverse")]
public sealed record InverseScheduleOptions : ScheduleOptions;

[Choice("exponential")]
public sealed record ExponentialScheduleOptions : ScheduleOptions
{
    [Parameter("Factor per epoch.", Min = 0.01, Max = 1)]
    public double Gamma { get; init; } = 0.95;
}
