using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Objectives;

/// <summary>
/// Boosting, then a gate (science.md S7d). In its stage an expert minimises the cross-entropy weighted image by image; after it,
/// <see cref="Boosting"/> weighs the training images again for the next. Experts that do not train are in eval mode: neither weights nor
/// running statistics move. In the last stage the gate minimises −log Σ_e g_e(x)·p_e(y | x).
/// </summary>
internal sealed class BoostObjective(
    PlanNetwork network, TrainingData data, BoostingRule rule, int stageEpochs, Action<MessageLevel, string> say) : Objective
{
    private readonly EnsembleOperation parts = network.Plan.Ensemble!;

    // Mean 1 over the split. On the device, so that no step waits for them.
    private readonly Tensor weights = ones([data.Train.Count], ScalarType.Float64, data.Train.Labels.device).DetachFromDisposeScope();

    // The stage that the weights are for: an update that a checkpoint has is not done again.
    private readonly Tensor weighedFor = zeros([], ScalarType.Int64).DetachFromDisposeScope();

    public override bool Begin(int epoch, CancellationToken stop)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var stage = epoch / stageEpochs;
        // Past the stages once boosting has ended: the weights stay equal then. The gate weighs no images.
        if (stage <= weighedFor.item<long>() || stage >= parts.Experts.Count) return true;
        if (Wrong(stage - 1, stop) is not { } wrong) return false;
        var before = weights.cpu().data<double>().ToArray();
        var (error, alpha, next) = Boosting.After(before, wrong, (int)network.Plan.Output.Channels, rule);
        if (next is null)
        {
            var why = error == 0
                ? "makes no error on the training images, so that there is nothing to weigh"
                : $"is wrong on {100 * error:0.0} % of the weighted training images, too many for a positive weight";
            say(MessageLevel.Warning,
                $"Boosting ends here: expert {stage} {why}. Later experts train on all images with equal weights.");
            weights.fill_(1);
            weighedFor.fill_(parts.Experts.Count);
            return true;
        }
        say(MessageLevel.Info,
            $"Expert {stage} is wrong on {100 * error:0.0} % of the weighted training images; its weight in boosting is {alpha:0.00}.");
        weights.copy_(from_array(next));
        weighedFor.fill_(stage);
        return true;
    }

    public override (Tensor Loss, Tensor Logits) Of(TrainingBatch batch, Tensor index, int epoch)
    {
        var stage = epoch / stageEpochs;
        if (stage < parts.Experts.Count)
        {
            var logits = network.ValuesAt(batch.Images, [parts.Experts[stage]], training: true)[0];
            var losses = nn.functional.cross_entropy(logits, batch.Targets, reduction: nn.Reduction.None);
            // The weights have mean 1 over the split, so this mean is in expectation the weighted mean over it.
            return ((losses * weights.index_select(0, index).to(losses.dtype)).mean(), logits);
        }
        Tensor experts; // [B, E, K]
        using (no_grad()) experts = stack(network.ValuesAt(batch.Images, parts.Experts, training: false), 1);
        var gate = network.ValuesAt(batch.Images, [parts.Gate!.Value], training: true)[0];
        var mixture = Mixtures.LogProbabilities(Mixtures.LogShares(gate, batch.Images.shape[0]), experts.log_softmax(2));
        return (nn.functional.cross_entropy(mixture, batch.Targets), Mixtures.Selected(gate.detach(), experts));
    }

    public override IEnumerable<(string Name, Tensor Value)> State()
        => [("boosting/image_weights", weights), ("boosting/weighed_for", weighedFor)];

    private bool[]? Wrong(int expert, CancellationToken stop)
    {
        using var outer = NewDisposeScope();
        using var quiet = no_grad();
        var wrong = new List<bool>();
        for (long at = 0, step = Evaluation.BatchFor(network); at < data.Train.Count; at += step)
        {
            if (stop.IsCancellationRequested) return null;
            using var scope = NewDisposeScope();
            var (images, labels) = data.Train.Slice(at, Math.Min(step, data.Train.Count - at));
            var misses = network.ValuesAt(images, [parts.Experts[expert]], training: false)[0].argmax(1).ne(labels);
            wrong.AddRange(misses.to(ScalarType.Byte).cpu().data<byte>().ToArray().Select(miss => miss != 0));
        }
        return [.. wrong];
    }

    public override void Dispose()
    {
        weights.Dispose();
        weighedFor.Dispose();
        base.Dispose();
    }
}
