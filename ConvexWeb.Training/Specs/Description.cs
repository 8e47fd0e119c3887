using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models.Graph;

namespace ConvexWeb.Training.Specs;

/// <summary>One layer of a model as it will be built.</summary>
/// <param name="Output">Shape behind it, with B for the batch.</param>
/// <param name="Parameters">Trained numbers in it.</param>
/// <param name="Constrained">Names of its tensors that the convexity constraint keeps non-negative.</param>
/// <param name="MultiplyAdds">Multiply-adds of one image's forward pass.</param>
/// <param name="Standing">What comes out as a function of the input: affine, convex or unknown.</param>
/// <param name="Breaks">Why convexity ends here, if it does.</param>
public sealed record Layer(
    string Name, string Kind, string Output, long Parameters, IReadOnlyList<string> Constrained, long MultiplyAdds,
    string Standing, string? Breaks);

/// <summary>What a spec amounts to, found without building anything native.</summary>
public sealed record Description(
    IReadOnlyList<Layer> Layers, long Parameters, int TrainImages, long StepsPerEpoch, long TotalSteps, double FlopPerStep)
{
    public static Description Of(Spec spec)
    {
        var layers = Describe(ModelFactory.PlanOf(spec));
        var size = SplitSize.Of(spec.Data);
        var steps = Batching.StepsPerEpoch(size.Train, spec.Training.BatchSize);
        // Forward, and twice as much for the gradients of inputs and weights; two operations for a multiply-add.
        var flop = 6.0 * spec.Training.BatchSize * layers.Sum(l => l.MultiplyAdds);
        return new(layers, layers.Sum(l => l.Parameters), size.Train, steps, steps * spec.Training.Epochs, flop);
    }

    private static List<Layer> Describe(Plan plan) =>
    [
        .. plan.Steps.Select(step => new Layer(
            step.Operation.Name, step.Operation.Kind, $"[B, {string.Join(", ", step.Output.Shape)}]", step.Tensors.Sum(t => t.Count),
            [.. step.Tensors.Where(t => t.Covered).Select(t => t.Name)], step.MultiplyAdds,
            step.Output.Standing.ToString().ToLowerInvariant(), step.Breaks)),
    ];
}
