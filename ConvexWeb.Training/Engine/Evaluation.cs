using ConvexWeb.Training.Datasets;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>Loss (plain cross-entropy, mean, natural log) and accuracy (percent) of a whole split in eval mode.</summary>
public sealed record Evaluation(double Loss, double Accuracy)
{
    private const int BatchSize = 1000;

    /// <summary>Evaluates without augmentation, dropout or batch statistics; leaves the network in the mode it was in. Null when stopped.</summary>
    public static Evaluation? Of(nn.Module<Tensor, Tensor> network, Split split, CancellationToken stop = default)
    {
        var training = network.training;
        network.eval();
        using var outer = NewDisposeScope();
        using var quiet = no_grad();
        var loss = zeros([], ScalarType.Float64, split.Labels.device);
        var correct = zeros([], ScalarType.Int64, split.Labels.device);
        for (long at = 0; at < split.Count && !stop.IsCancellationRequested; at += BatchSize)
        {
            using var scope = NewDisposeScope();
            var (images, labels) = split.Slice(at, Math.Min(BatchSize, split.Count - at));
            var logits = network.forward(images);
            loss.add_(nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.Sum).to(ScalarType.Float64));
            correct.add_(logits.argmax(1).eq(labels).sum());
        }
        if (training) network.train();
        if (stop.IsCancellationRequested) return null;
        return new(loss.item<double>() / split.Count, 100.0 * correct.item<long>() / split.Count);
    }
}
