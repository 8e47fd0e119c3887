using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Regularization;

/// <summary>
/// Penalties that are part of the loss: l1·Σ|w| + l2·Σw². PyTorch's weight_decay adds half of the gradient that l2 does, and AdamW's is
/// decoupled: both are parameters of the optimizers and named so (science.md S10).
/// </summary>
public sealed record RegularizationOptions
{
    [Parameter("λ of λ·Σ|w| in the loss.", Min = 0, Max = 10, Title = "l1")]
    public double L1 { get; init; }

    [Parameter("λ of λ·Σw² in the loss: of plain SGD, a weight_decay of twice that.", Min = 0, Max = 10, Title = "l2")]
    public double L2 { get; init; }

    [Parameter("Of which tensors: weights are all with two axes and more; hidden the same without the last layer's; all every trained "
        + "tensor, biases and norms too.")]
    public PenalisedTensors On { get; init; } = PenalisedTensors.Weights;

    internal bool IsOn => L1 > 0 || L2 > 0;
}

/// <summary>The tensors of a penalty.</summary>
public enum PenalisedTensors
{
    Weights,
    Hidden,
    All,
}
