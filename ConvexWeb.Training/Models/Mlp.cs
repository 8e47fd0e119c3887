using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// MLP and IOC-MLP. Source: Sivaprasad et al., The Curious Case of Convex Neural Networks,
/// arXiv 2006.05103, s4; seed 000 4.1.1 (science.md S2).
/// [B, C, H, W] → [B, d] → 3 × (Linear → BatchNorm → activation: [B, 800]) → Linear: [B, K].
/// Exact counts (3 × 800, biases and BatchNorm included): MNIST 1,922,410; CIFAR-10 3,752,810; CIFAR-100 3,824,900; STL-10 23,413,610.
/// </summary>
[Choice("mlp")]
public sealed record MlpOptions : ModelOptions
{
    [Parameter("Units of each hidden layer.", Min = 1, Max = 16_384)]
    public int Width { get; init; } = 800;

    [Parameter("Hidden layers.", Min = 1, Max = 16)]
    public int Depth { get; init; } = 3;

    [Parameter("First hidden layer is this many times as wide (the paper widens it for convex networks, without a number).",
        Min = 1, Max = 16)]
    public int FirstLayerMult { get; init; } = 1;

    [Parameter("Units of the hidden layers one by one, in place of Width, Depth and First layer mult; empty: those.",
        Min = 1, Max = 16_384)]
    public IReadOnlyList<int>? Widths { get; init; }

    [Parameter("Biases of the dense layers; the public code of the randomization tests has none.")]
    public bool Bias { get; init; } = true;

    [Parameter("How weights start. default: as PyTorch; pluskid: normal with the variance 2/(in + out) and biases 0, as the public code of "
        + "the randomization tests.", Title = "Initial weights")]
    public MlpStart Init { get; init; } = MlpStart.Default;

    [Parameter("auto: ReLU without a constraint, ELU with one, as in the paper. All choices are convex and non-decreasing.",
        Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus, Identity])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("Batch normalisation before each activation.")]
    public bool BatchNorm { get; init; } = true;

    [Parameter("Share of hidden units dropped after each activation while training.", Min = 0, Max = 0.95)]
    public double Dropout { get; init; }

    internal override string SizeParameter => "width";

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var plan = new Plan(images.Shape, convexity)
        {
            Initialisation = Init == MlpStart.Pluskid ? Initialisation.Pluskid : Initialisation.PyTorch,
        };
        return Behind(plan, plan.Flatten("flatten", plan.Input), "", images.Classes);
    }

    /// <summary>The layers behind a flat value of another plan; names begin with <paramref name="prefix"/>.</summary>
    internal Plan Behind(Plan plan, Value x, string prefix, int classes)
    {
        var activation = Resolve(Activation, plan.Convexity);
        var widths = Widths ?? [.. Enumerable.Range(0, Depth).Select(i => i == 0 ? Width * FirstLayerMult : Width)];
        for (var i = 1; i <= widths.Count; i++)
        {
            x = plan.Linear($"{prefix}fc{i}", x, widths[i - 1], Bias);
            if (BatchNorm) x = plan.BatchNorm($"{prefix}bn{i}", x);
            x = plan.Activation($"{prefix}act{i}", x, activation);
            x = plan.Dropout($"{prefix}drop{i}", x, Dropout);
        }
        plan.Linear($"{prefix}fc{widths.Count + 1}", x, classes, Bias);
        return plan;
    }
}

/// <summary>How the weights of an MLP start.</summary>
public enum MlpStart
{
    Default,
    Pluskid,
}
