using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Models;

/// <summary>What every model's parameters have in common: the catalogue, and that they say what network they stand for.</summary>
public abstract record ModelOptions : ChoiceOptions
{
    /// <summary>The network for such images, under such a constraint. Builds nothing native.</summary>
    /// <exception cref="ImpossiblePlanException">The images do not fit the model.</exception>
    public abstract Plan Plan(ConvexityOptions convexity, ImageInput images);

    /// <summary>The same network whatever the constraint: what auto comes to under this one, written out.</summary>
    internal virtual ModelOptions Pinned(ConvexityOptions convexity) => this;

    /// <summary>The parameter that is easiest to lower where a network is too large.</summary>
    internal virtual string SizeParameter => "name";

    /// <summary>Whether a run's results show training images, so that they are kept as they were read.</summary>
    internal virtual bool ShowsImages => false;

    /// <summary>Stages that a run's epochs are shared out to evenly; each has the schedule of the learning rate for itself.</summary>
    internal virtual int TrainingStages => 1;

    /// <summary>Epochs of one stage of a run of so many.</summary>
    internal int StageEpochs(int epochs) => Math.Max(1, epochs / TrainingStages);

    /// <summary>An activation with auto resolved: ELU under a constraint, the source's own without.</summary>
    protected static ActivationFunction Resolve(
        ActivationChoice activation, ConvexityOptions convexity, ActivationFunction plain = ActivationFunction.Relu)
        => activation switch
        {
            ActivationChoice.Auto => convexity is NoConvexityOptions ? plain : ActivationFunction.Elu,
            ActivationChoice.Relu => ActivationFunction.Relu,
            ActivationChoice.Elu => ActivationFunction.Elu,
            ActivationChoice.LeakyRelu => ActivationFunction.LeakyRelu,
            ActivationChoice.Softplus => ActivationFunction.Softplus,
            ActivationChoice.Identity => ActivationFunction.Identity,
            ActivationChoice.Gelu => ActivationFunction.Gelu,
            ActivationChoice.Silu => ActivationFunction.Silu,
            _ => throw new NotSupportedException(activation.ToString()),
        };
}
