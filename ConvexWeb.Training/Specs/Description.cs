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
/// <param name="MemoryMb">What a training holds at most, in MiB, host and device together: an estimate from counts.</param>
public sealed record Description(
    IReadOnlyList<Layer> Layers, long Parameters, int TrainImages, long StepsPerEpoch, long TotalSteps, double FlopPerStep, int MemoryMb)
{
    // The process with libtorch loaded and its first kernels compiled.
    private const double ProcessMb = 330;

    // Weights, gradients and two moments of an optimizer, four bytes each; and a copy while a checkpoint is written.
    private const double BytesPerParameter = 24;

    // A value is kept for the backward pass, and its gradient and one temporary stand beside it.
    private const double BytesPerActivation = 12;

    // Images as bytes, and once more as they are read.
    private const double BytesPerPixel = 2;

    public static Description Of(Spec spec)
    {
        var plan = ModelFactory.PlanOf(spec);
        var layers = Describe(plan);
        var size = SplitSize.Of(spec.Data);
        var steps = spec.Training.StepsPerEpoch(size.Train);
        // Forward, and twice as much for the gradients of inputs and weights; two operations for a multiply-add.
        var flop = 6.0 * spec.Training.BatchSize * layers.Sum(l => l.MultiplyAdds);
        var parameters = layers.Sum(l => l.Parameters);
        var images = spec.Data.IsStreamed ? 0 : (size.Train + size.Validation + size.Test) * (double)DatasetInfo.Of(spec.Data).Dimensions;
        var activations = spec.Training.BatchSize * (double)plan.Steps.Sum(step => step.Output.Size);
        var bytes = BytesPerParameter * parameters + BytesPerPixel * images + BytesPerActivation * activations;
        return new(
            layers, parameters, size.Train, steps, steps * spec.Training.Epochs, flop,
            (int)Math.Min(int.MaxValue, Math.Ceiling(ProcessMb + bytes / (1 << 20))));
    }

    private static List<Layer> Describe(Plan plan) =>
    [
        .. plan.Steps.Select(step => new Layer(
            step.Operation.Name, step.Operation.Kind, $"[B, {string.Join(", ", step.Output.Shape)}]", step.Tensors.Sum(t => t.Count),
            [.. step.Tensors.Where(t => t.Covered).Select(t => t.Name)], step.MultiplyAdds,
            step.Output.Standing.ToString().ToLowerInvariant(), step.Breaks)),
    ];
}
