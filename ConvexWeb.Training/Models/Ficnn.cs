using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Models;

/// <summary>
/// Fully input-convex network (FICNN). Source: Amos et al., arXiv 1609.07152, and its code locuslab/icnn; IOC paper T4 (science.md S7c).
/// z1 = g(x1·x); z(i+1) = g(z(i+1)·zi + x(i+1)·x), the weights z non-negative,
/// the weights x of any sign; [B, d] → 3 × [B, 800] → [B, K].
/// Exact count without BatchNorm: CIFAR-10 8,693,930.
/// The source clips at 0 (constraint <c>clip</c>) and starts from a tenth of the absolute weights (init <c>absolute_tenth</c>).
/// </summary>
[Choice("ficnn")]
public sealed record FicnnOptions : ModelOptions
{
    [Parameter("Units of each hidden layer.", Min = 1, Max = 8192)]
    public int Width { get; init; } = 800;

    [Parameter("Hidden layers.", Min = 1, Max = 16)]
    public int Depth { get; init; } = 3;

    [Parameter("Units of the hidden layers one by one, in place of Width and Depth; empty: those.", Min = 1, Max = 8192)]
    public IReadOnlyList<int>? Widths { get; init; }

    [Parameter("The source uses ReLU.",
        Allowed = [ActivationFunction.Relu, ActivationFunction.Elu, ActivationFunction.LeakyRelu, ActivationFunction.Softplus])]
    public ActivationFunction Activation { get; init; } = ActivationFunction.Relu;

    internal override string SizeParameter => "width";

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var plan = new Plan(images.Shape, convexity);
        var x = plan.Flatten("flatten", plan.Input);
        var widths = Widths ?? [.. Enumerable.Repeat(Width, Depth)];
        var z = plan.Activation("act1", plan.Linear("x1", x, widths[0]), Activation);
        for (var i = 2; i <= widths.Count + 1; i++)
        {
            var width = i <= widths.Count ? widths[i - 1] : images.Classes;
            z = plan.Add($"add{i}", plan.Linear($"z{i}", z, width, bias: false), plan.Linear($"x{i}", x, width));
            if (i <= widths.Count) z = plan.Activation($"act{i}", z, Activation);
        }
        return plan;
    }
}
