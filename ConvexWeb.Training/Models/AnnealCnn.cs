using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Models;

/// <summary>
/// The network of seed 003, whose activations go from the identity to ReLU. Source: ecotner/ConvexityAnnealing, config.py and
/// model_keras.py (science.md S13).
/// [B, 1, 28, 28] → conv 16 4 × 4 → conv 16 3 × 3 → conv 16 3 × 3, none padded, each → pool 2 where asked for → activation → K.
/// The activation is x where x is positive, else x·tan θ. Exact counts for K = 10: pools between the convolutions 6,362, behind each 5,082,
/// none 75,482; with trained angles one more, three more, or one for each activation's value.
/// Keras' start: Glorot uniform, biases 0.
/// </summary>
[Choice("anneal_cnn")]
public sealed record AnnealCnnOptions : ModelOptions
{
    [Parameter("Max pools: between the convolutions, behind all three, or none: only without any is the network linear at θ = π/4.")]
    public AnnealPooling Pooling { get; init; } = AnnealPooling.Between;

    [Parameter("Where θ comes from. given: the schedule of the section annealing; shared, per_layer, per_neuron: trained, "
        + "(π/4)·sigmoid(t) with t = 4 at the start and a constant learning rate.", Title = "Angle")]
    public AnnealAngle Theta { get; init; } = AnnealAngle.Given;

    [Parameter("Channels of each convolution; the source has 16.", Min = 1, Max = 256)]
    public int Channels { get; init; } = 16;

    internal override string SizeParameter => "channels";

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var plan = new Plan(images.Shape, convexity) { Initialisation = Initialisation.GlorotUniform };
        var common = Theta switch
        {
            AnnealAngle.Given => plan.GivenAngle("theta"),
            AnnealAngle.Shared => plan.TrainedAngle("theta", [1]),
            _ => null,
        };
        var x = plan.ChannelsLast("layout", plan.Input);
        for (var i = 1; i <= 3; i++)
        {
            x = plan.Conv2d($"conv{i}", x, Channels, i == 1 ? 4 : 3);
            if (Pooling == AnnealPooling.All || Pooling == AnnealPooling.Between && i < 3) x = plan.MaxPool($"pool{i}", x, 2, 2);
            var angle = common ?? plan.TrainedAngle($"theta{i}", Theta == AnnealAngle.PerNeuron ? x.Shape : [1]);
            x = plan.Slope($"act{i}", x, angle);
        }
        plan.Linear("fc", plan.Flatten("flatten", x), images.Classes);
        return plan;
    }
}

/// <summary>Where the pools of the annealed network stand.</summary>
public enum AnnealPooling
{
    Between,
    All,
    None,
}

/// <summary>Where the angles of the annealed network come from.</summary>
public enum AnnealAngle
{
    Given,
    Shared,
    PerLayer,
    PerNeuron,
}
