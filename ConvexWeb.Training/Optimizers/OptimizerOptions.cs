using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Optimizers;

/// <summary>Parameters that every optimizer has.</summary>
public abstract record OptimizerOptions : ChoiceOptions
{
    /// <summary>Learning rate before the schedule's factor.</summary>
    public abstract double BaseLr { get; }

    /// <summary>The rule that these parameters describe for one tensor of a network. All of them have the same state.</summary>
    internal abstract UpdateRule RuleFor(TrainedTensor tensor);
}

/// <summary>What an optimizer's options look at in a tensor.</summary>
/// <param name="Name">Its name in the network.</param>
/// <param name="IsMatrix">Whether it has two axes or more.</param>
/// <param name="IsFirst">Whether it is the first weight of the network, the one that the images meet.</param>
internal readonly record struct TrainedTensor(string Name, bool IsMatrix, bool IsFirst)
{
    /// <summary>Of an angle, which keeps the learning rate that the schedule starts from (science.md S13.3).</summary>
    public bool IsAngle => Name.EndsWith(".angle", StringComparison.Ordinal);

    /// <summary>Neither a bias, nor of a norm, nor an angle.</summary>
    public bool IsWeight => IsMatrix && !Name.EndsWith(".bias", StringComparison.Ordinal) && !IsAngle;

    /// <summary>Whether it decays. timm's second group is biases and whatever has one dimension; an angle never decays.</summary>
    public bool Decays(DecayedTensors decayed) => !IsAngle && (decayed == DecayedTensors.All || IsWeight);
}

/// <summary>The tensors that weight decay is for.</summary>
public enum DecayedTensors
{
    All,
    Matrices,
}
