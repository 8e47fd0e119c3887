namespace ConvexWeb.Training.Optimizers;

/// <summary>An optimizer's rule with its numbers, apart from the learning rate.</summary>
public abstract record StepRule
{
    public static StepRule Of(OptimizerOptions options) => options switch
    {
        SgdOptions sgd => new SgdRule(sgd.Momentum, sgd.WeightDecay, sgd.Nesterov),
        AdamOptions adam => new AdamRule(adam.Beta1, adam.Beta2, adam.Eps, adam.WeightDecay, Decoupled: false),
        AdamWOptions adam => new AdamRule(adam.Beta1, adam.Beta2, adam.Eps, adam.WeightDecay, Decoupled: true),
        _ => throw new NotSupportedException(options.GetType().Name),
    };

    /// <summary>Names of the state tensors that a parameter needs, as PyTorch calls them; at most two.</summary>
    public abstract IReadOnlyList<string> State { get; }
}

/// <summary>b ← momentum·b + g; w ← w − lr·b, as PyTorch's SGD (no dampening).</summary>
public sealed record SgdRule(double Momentum, double WeightDecay, bool Nesterov) : StepRule
{
    public override IReadOnlyList<string> State => Momentum == 0 ? [] : ["momentum_buffer"];
}

/// <summary>Adam (arXiv 1412.6980), and AdamW (arXiv 1711.05101) where <paramref name="Decoupled"/>.</summary>
public sealed record AdamRule(double Beta1, double Beta2, double Eps, double WeightDecay, bool Decoupled) : StepRule
{
    public override IReadOnlyList<string> State => ["exp_avg", "exp_avg_sq"];
}
