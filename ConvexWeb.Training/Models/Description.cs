using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Models;

/// <summary>One layer of a model as it will be built.</summary>
/// <param name="Output">Shape behind it, with B for the batch.</param>
/// <param name="Parameters">Trained numbers in it.</param>
/// <param name="Constrained">Names of its tensors that the convexity constraint keeps non-negative.</param>
/// <param name="MultiplyAdds">Multiply-adds of one image's forward pass.</param>
public sealed record Layer(string Name, string Kind, string Output, long Parameters, IReadOnlyList<string> Constrained, long MultiplyAdds);

/// <summary>What a spec amounts to, found without building anything native.</summary>
public sealed record Description(IReadOnlyList<Layer> Layers, long Parameters, int TrainImages, long StepsPerEpoch, long TotalSteps, double FlopPerStep)
{
    public static Description Of(Spec spec)
    {
        var layers = Describe(spec);
        var size = SplitSize.Of(spec.Data);
        var steps = Batching.StepsPerEpoch(size.Train, spec.Training.BatchSize);
        // Forward, and twice as much for the gradients of inputs and weights; two operations for a multiply-add.
        var flop = 6.0 * spec.Training.BatchSize * layers.Sum(l => l.MultiplyAdds);
        return new(layers, layers.Sum(l => l.Parameters), size.Train, steps, steps * spec.Training.Epochs, flop);
    }

    public static IReadOnlyList<Layer> Describe(Spec spec) => spec.Model switch
    {
        MlpOptions mlp => MlpShape.Layers(mlp, spec.Convexity, DatasetInfo.Of(spec.Data)),
        _ => throw new NotSupportedException(spec.Model.GetType().Name),
    };
}
