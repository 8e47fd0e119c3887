using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Annealing;

/// <summary>The angle θ of annealed activations over the run: π/4 makes them the identity, 0 makes them ReLU (science.md S13.2).</summary>
public abstract record AnnealingOptions : ChoiceOptions
{
    /// <summary>The largest angle, at which the slope tan θ is 1.</summary>
    public const double Largest = Math.PI / 4;

    /// <summary>The angle of an epoch, set before its first step.</summary>
    /// <param name="epoch">0 for the first.</param>
    internal abstract double AngleAt(int epoch, int epochs, AnnealingStage stage);
}

/// <summary>The same angle in every epoch; the default is ReLU.</summary>
[Choice("constant")]
public sealed record ConstantAnnealingOptions : AnnealingOptions
{
    [Parameter("θ, from 0 (ReLU) to π/4 (the identity).", Min = 0, Max = Largest, Title = "θ")]
    public double Theta { get; init; }

    internal override double AngleAt(int epoch, int epochs, AnnealingStage stage) => Theta;
}

/// <summary>An angle that falls from π/4 as a function of the epoch.</summary>
public abstract record FallingAnnealingOptions : AnnealingOptions
{
    [Parameter("Reach 0 in the last epoch of the fall. The source divides by the number of epochs, so that its last angle is above 0.")]
    public bool ReachZero { get; init; }

    [Parameter("Epochs of the fall, after which θ is 0; empty: all.", Min = 1, Max = 100_000)]
    public int? AnnealEpochs { get; init; }

    internal sealed override double AngleAt(int epoch, int epochs, AnnealingStage stage)
    {
        var all = AnnealEpochs ?? epochs;
        if (epoch >= all) return 0;
        var share = ReachZero ? all == 1 ? 1 : (double)epoch / (all - 1) : (double)epoch / all;
        return Largest * Left(share);
    }

    /// <summary>What is left of π/4 after a share of the fall.</summary>
    protected abstract double Left(double share);
}

/// <summary>θ = (π/4)(1 − e/E): the source's.</summary>
[Choice("linear")]
public sealed record LinearAnnealingOptions : FallingAnnealingOptions
{
    protected override double Left(double share) => 1 - share;
}

/// <summary>θ = (π/4)(1 − √(e/E)): fast at first. The source names a schedule sqrt and does not define it.</summary>
[Choice("sqrt")]
public sealed record SqrtAnnealingOptions : FallingAnnealingOptions
{
    protected override double Left(double share) => 1 - Math.Sqrt(share);
}

/// <summary>θ = (π/4)√(1 − e/E): slow at first, the other way to read sqrt.</summary>
[Choice("root")]
public sealed record RootAnnealingOptions : FallingAnnealingOptions
{
    protected override double Left(double share) => Math.Sqrt(1 - share);
}

/// <summary>θ = (π/4)(1 − e/E)ᵏ.</summary>
[Choice("power")]
public sealed record PowerAnnealingOptions : FallingAnnealingOptions
{
    [Parameter("The exponent k; the source names pow without one.", Min = 0.1, Max = 10)]
    public double Exponent { get; init; } = 2;

    protected override double Left(double share) => Math.Pow(1 - share, Exponent);
}

/// <summary>
/// θ holds until the validation loss has stopped falling, and then takes a step of (π/4)/m, down to 0: "once this initially linear model
/// has been sufficiently optimized, we tweak … and repeat" (seed 003). A stage has an end in any case, so that a run of all its
/// epochs ends as a ReLU network.
/// </summary>
[Choice("staged")]
public sealed record StagedAnnealingOptions : AnnealingOptions
{
    [Parameter("Steps from π/4 to 0; empty: 8, or as many as the epochs leave room for.", Min = 1, Max = 1000)]
    public int? Stages { get; init; }

    [Parameter("Evaluations without a lower validation loss before the next step.", Min = 1, Max = 1000)]
    public int Patience { get; init; } = 2;

    [Parameter("Most epochs of a stage, whatever the validation loss does; empty: as many as give every stage, and θ = 0, the same.",
        Min = 1, Max = 100_000)]
    public int? StageEpochs { get; init; }

    /// <summary>Epochs after which a stage ends at the latest.</summary>
    internal int Longest(int epochs) => StageEpochs ?? Math.Max(1, epochs / (Steps(epochs) + 1));

    /// <summary>Steps of a run of so many epochs: by default so few that the validation loss can end each stage.</summary>
    internal int Steps(int epochs) => Stages ?? Math.Clamp(epochs / (Patience + 2) - 1, 1, 8);

    internal override double AngleAt(int epoch, int epochs, AnnealingStage stage)
        => stage.Step >= Steps(epochs) ? 0 : Largest * (1 - (double)stage.Step / Steps(epochs));
}

/// <summary>Where a staged annealing is: it follows the validation loss, so it is no function of the epoch.</summary>
/// <param name="Step">Steps taken from π/4.</param>
/// <param name="Lowest">Lowest validation loss of this stage.</param>
/// <param name="Bad">Evaluations since it.</param>
/// <param name="Begun">Epochs before this stage.</param>
public sealed record AnnealingStage(int Step = 0, double? Lowest = null, int Bad = 0, int Begun = 0)
{
    /// <param name="epoch">The one that was evaluated, 1 for the first.</param>
    /// <param name="epochs">Of the run.</param>
    public AnnealingStage After(double loss, StagedAnnealingOptions options, int epoch, int epochs)
    {
        var isBad = Lowest is { } lowest && !(loss < lowest);
        if (epoch - Begun >= options.Longest(epochs) || isBad && Bad + 1 >= options.Patience)
            return new(Math.Min(options.Steps(epochs), Step + 1), Begun: epoch);
        return isBad ? this with { Bad = Bad + 1 } : this with { Lowest = loss, Bad = 0 };
    }
}
