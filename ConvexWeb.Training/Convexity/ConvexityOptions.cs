using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Convexity;

/// <summary>Which rule keeps the weights after the first affine layer non-negative, if any.</summary>
public abstract record ConvexityOptions : ChoiceOptions;

/// <summary>No constraint: the unconstrained twin.</summary>
[Choice("none")]
public sealed record NoConvexityOptions : ConvexityOptions;

/// <summary>How the layers that a constraint covers start.</summary>
public enum ConstrainedStart
{
    Default,
    LogNormal,
    Absolute,
    AbsoluteTenth,
}

/// <summary>A constraint applied to stored weights after every optimizer step.</summary>
public abstract record ConstraintOptions : ConvexityOptions
{
    [Parameter("Constrain the scale of batch normalisation too. "
        + "The paper says it works without, but then the network is not certified convex.", Title = "Constrain BatchNorm scale")]
    public bool ConstrainBnGamma { get; init; } = true;

    [Parameter("How constrained layers start. default: as the unconstrained twin; "
        + "log_normal: the convex initialisation of Hoedt and Klambauer 2023, with its negative bias; "
        + "absolute: the default without its sign; "
        + "absolute_tenth: a tenth of that, as in the synthetic tasks of the FICNN code.", Title = "Initial weights")]
    public ConstrainedStart Init { get; init; } = ConstrainedStart.Default;
}

/// <summary>w &lt; 0 → exp(w − eps).</summary>
[Choice("exp_eps")]
public sealed record ExpEpsOptions : ConstraintOptions
{
    [Parameter("A negative weight w becomes exp(w − eps); the paper uses 5.", Min = 0.1, Max = 50)]
    public double Eps { get; init; } = 5;
}

/// <summary>w &lt; 0 → 0.</summary>
[Choice("clip")]
public sealed record ClipOptions : ConstraintOptions;

/// <summary>w &lt; 0 → −w.</summary>
[Choice("abs")]
public sealed record AbsOptions : ConstraintOptions;

/// <summary>w → w − min(0, min w), for each tensor.</summary>
[Choice("shift")]
public sealed record ShiftOptions : ConstraintOptions;

/// <summary>The weight is softplus(v) of what is trained, so it is positive at every moment and no operator is applied.</summary>
[Choice("softplus_reparam")]
public sealed record SoftplusReparamOptions : ConstraintOptions;
