using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Objectives;

/// <summary>What a step minimises. Plain for a single network; an ensemble trains its parts in turn.</summary>
internal abstract class Objective : IDisposable
{
    /// <param name="say">Takes a sentence for the run's log.</param>
    public static Objective Of(Spec spec, PlanNetwork network, TrainingData data, Action<MessageLevel, string> say) => spec.Model switch
    {
        EnsembleEmOptions => new EmObjective(network, data),
        EnsembleBoostOptions boost => new BoostObjective(network, data, boost.Rule, boost.StageEpochs(spec.Training.Epochs), say),
        _ when spec.Training.Loss == TrainingLoss.BinaryCrossEntropy => new BinaryObjective(network),
        _ => new PlainObjective(network, spec.Training.LabelSmoothing),
    };

    /// <summary>
    /// Before the first step of an epoch (0 is the first).
    /// False when stopped: then it has changed nothing and is asked again on resuming.
    /// </summary>
    public virtual bool Begin(int epoch, CancellationToken stop) => true;

    /// <summary>
    /// The loss to minimise, a scalar, and logits [B, K] for the running accuracy.
    /// Parameters that the loss does not depend on are not stepped.
    /// </summary>
    /// <param name="index">Places of the batch's images in the training split, int64 [B].</param>
    public abstract (Tensor Loss, Tensor Logits) Of(TrainingBatch batch, Tensor index, int epoch);

    /// <summary>What a resumed run needs besides weights and optimizer, under names of its own; the tensors themselves.</summary>
    public virtual IEnumerable<(string Name, Tensor Value)> State() => [];

    /// <summary>
    /// At the end: what a mixture's experts came to be responsible for,
    /// for the summary and, where there is one, the run's folder.
    /// </summary>
    public virtual IReadOnlyList<ClusterImage>? Finish(string? folder) => null;

    public virtual void Dispose()
    {
    }
}

/// <summary>Cross-entropy of the network's logits, with label smoothing where the spec has it.</summary>
internal sealed class PlainObjective(PlanNetwork network, double labelSmoothing) : Objective
{
    public override (Tensor Loss, Tensor Logits) Of(TrainingBatch batch, Tensor index, int epoch)
    {
        var logits = network.forward(batch.Images);
        return (nn.functional.cross_entropy(logits, batch.Targets, label_smoothing: labelSmoothing), logits);
    }
}

/// <summary>
/// Binary cross-entropy of each logit by itself against the one-hot label, the mean over images and classes, as seed 002's code has it
/// (science.md S11.5). Its gradients are about a K-th of cross-entropy's.
/// </summary>
internal sealed class BinaryObjective(PlanNetwork network) : Objective
{
    public override (Tensor Loss, Tensor Logits) Of(TrainingBatch batch, Tensor index, int epoch)
    {
        var logits = network.forward(batch.Images);
        var targets = batch.Targets.ndim == 2 ? batch.Targets : nn.functional.one_hot(batch.Targets, logits.shape[1]).to(logits.dtype);
        return (nn.functional.binary_cross_entropy_with_logits(logits, targets), logits);
    }
}
