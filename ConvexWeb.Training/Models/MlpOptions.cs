using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Models;

/// <summary>Parameters of <c>Mlp</c>.</summary>
public sealed record MlpOptions : ModelOptions
{
    [Parameter("Units of each hidden layer.", Min = 1, Max = 16_384)]
    public int Width { get; init; } = 800;

    [Parameter("Hidden layers.", Min = 1, Max = 16)]
    public int Depth { get; init; } = 3;

    [Parameter("First hidden layer is this many times as wide (the paper widens it for convex networks, without a number).", Min = 1, Max = 16)]
    public int FirstLayerMult { get; init; } = 1;

    [Parameter("auto: ReLU without a constraint, ELU with one, as in the paper. All choices are convex and non-decreasing.",
        Allowed = ["auto", "relu", "elu", "leaky_relu", "softplus", "identity"])]
    public string Activation { get; init; } = "auto";

    [Parameter("Batch normalisation before each activation.")]
    public bool BatchNorm { get; init; } = true;

    [Parameter("Share of hidden units dropped after each activation while training.", Min = 0, Max = 0.95)]
    public double Dropout { get; init; }
}
