using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Optimizers;

/// <summary>Parameters that every optimizer has.</summary>
public abstract record OptimizerOptions : ChoiceOptions
{
    /// <summary>Learning rate before the schedule's factor.</summary>
    public abstract double BaseLr { get; }
}

public sealed record SgdOptions : OptimizerOptions
{
    [Parameter("Learning rate.", Min = 1e-9, Max = 100, Title = "Learning rate")]
    public double Lr { get; init; } = 0.1;

    [Parameter("Momentum.", Min = 0, Max = 0.9999)]
    public double Momentum { get; init; } = 0.9;

    [Parameter("L2 coefficient added to the gradient (half of it is the λ of λ‖w‖²).", Min = 0, Max = 10)]
    public double WeightDecay { get; init; }

    [Parameter("Nesterov's variant; needs momentum.")]
    public bool Nesterov { get; init; }

    public override double BaseLr => Lr;
}

/// <summary>What Adam and AdamW share.</summary>
public abstract record AdamFamilyOptions : OptimizerOptions
{
    [Parameter("Learning rate; the source of the MLP uses 0.0001.", Min = 1e-9, Max = 100, Title = "Learning rate")]
    public double Lr { get; init; } = 1e-4;

    [Parameter("Decay of the first moment.", Min = 0, Max = 0.9999999)]
    public double Beta1 { get; init; } = 0.9;

    [Parameter("Decay of the second moment.", Min = 0, Max = 0.9999999)]
    public double Beta2 { get; init; } = 0.999;

    [Parameter("Added to the denominator.", Min = 1e-16, Max = 1)]
    public double Eps { get; init; } = 1e-8;

    public override double BaseLr => Lr;
}

public sealed record AdamOptions : AdamFamilyOptions
{
    [Parameter("L2 coefficient added to the gradient.", Min = 0, Max = 10)]
    public double WeightDecay { get; init; }
}

public sealed record AdamWOptions : AdamFamilyOptions
{
    [Parameter("Decoupled weight decay.", Min = 0, Max = 10)]
    public double WeightDecay { get; init; } = 0.01;
}
