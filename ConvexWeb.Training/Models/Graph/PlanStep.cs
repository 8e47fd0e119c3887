namespace ConvexWeb.Training.Models.Graph;

/// <summary>What a trained tensor is in its operation.</summary>
public enum TensorRole
{
    Weight,
    Bias,
    NormScale,
    NormShift,
    Coefficient,

    /// <summary>What an angle is the sigmoid of.</summary>
    Angle,
}

/// <summary>One trained tensor of an operation, under its name in PyTorch's <c>state_dict</c>.</summary>
/// <param name="Covered">Whether the convexity constraint keeps it non-negative.</param>
public sealed record PlannedTensor(string Name, TensorRole Role, IReadOnlyList<long> Shape, bool Covered)
{
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Whether it multiplies the operation's input, so that its sign matters; biases are added.</summary>
    public bool Multiplies => Role is not (TensorRole.Bias or TensorRole.NormShift or TensorRole.Angle);

    /// <summary>
    /// Inputs that each output of a weight sums over; a locally connected one has a filter for each place, [P, O, inputs].
    /// </summary>
    public long FanIn => Shape.Count == 3 ? Shape[2] : Shape.Skip(1).Aggregate(1L, (product, size) => product * size);
}

/// <summary>An operation in its place: what it gives, what it trains, and why convexity ends there if it does.</summary>
/// <param name="MultiplyAdds">Of one sample's forward pass.</param>
/// <param name="Breaks">Why the result need not be convex although the inputs are; null where convexity is kept.</param>
public sealed record PlanStep(Operation Operation, Value Output, IReadOnlyList<PlannedTensor> Tensors, long MultiplyAdds, string? Breaks);
