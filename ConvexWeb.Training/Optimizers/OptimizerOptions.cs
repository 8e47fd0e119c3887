using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Optimizers;

/// <summary>Parameters that every optimizer has.</summary>
public abstract record OptimizerOptions : ChoiceOptions
{
    /// <summary>Learning rate before the schedule's factor.</summary>
    public abstract double BaseLr { get; }

    /// <summary>Which tensors the weight decay is for.</summary>
    internal abstract DecayedTensors Decayed { get; }

    /// <summary>The rule that these parameters describe.</summary>
    internal abstract UpdateRule CreateRule();
}

/// <summary>The tensors that weight decay is for.</summary>
public enum DecayedTensors
{
    All,
    Matrices,
}
