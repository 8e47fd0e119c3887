using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph.Fused;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The steps of a training: batch, loss, gradients, optimizer.</summary>
internal sealed class TrainingSteps(
    Spec spec, TrainerSettings settings, TrainingData data, Learner learner, RunningPoints points, long stepsPerEpoch)
{
    private readonly TrainingBatches batches = new(spec, data.Train, settings.Seed);

    /// <summary>The order of the training images in an epoch, int64 [N]; the caller owns it.</summary>
    public Tensor Order(int epoch)
    {
        using var scope = NewDisposeScope();
        var places = RandomStreams.Shuffle(settings.Seed, epoch, data.Train.Count).Select(i => (long)i).ToArray();
        return from_array(places).to(settings.Device).DetachFromDisposeScope();
    }

    /// <summary>The step after those that are done.</summary>
    /// <exception cref="InvalidOperationException">A constrained weight is negative; checked only where the settings say so.</exception>
    public void Take(Tensor order, Progress done)
    {
        using var scope = NewDisposeScope();
        var start = done.StepInEpoch * spec.Training.BatchSize;
        var index = order.narrow(0, start, Math.Min(spec.Training.BatchSize, data.Train.Count - start)); // [B]
        var batch = batches.At(index, done.Step);
        var (loss, logits) = learner.Objective.Of(batch, index, done.Epoch); // scalar, [B, K]
        FusedFunctions.Backward(loss);
        if (points.IsDue(done.Step + 1)) points.MeasureGradient();
        learner.Optimizer.Step(LearningRate(done, done.Step));
        learner.Average?.Step();
        points.Add(loss, logits, batch.Labels);
        if (settings.VerifyConstraint) VerifyConstraint(done.Step + 1);
    }

    /// <param name="step">Steps before the one in question; a model that trains in stages starts its schedule again in each.</param>
    public double LearningRate(Progress progress, long step)
    {
        var epochs = spec.Model.StageEpochs(spec.Training.Epochs);
        var stepOfStage = step % (epochs * stepsPerEpoch);
        return spec.Optimizer.BaseLr * Schedules.LearningRate.Factor(spec.Schedule, stepOfStage, stepsPerEpoch, epochs, progress.Plateau);
    }

    private void VerifyConstraint(long step)
    {
        if (learner.Constraint.Kind == ConstraintKind.Free) return;
        if (ConstraintMetrics.Smallest(learner.Network, learner.Constraint) is < 0 and var negative)
            throw new InvalidOperationException($"A constrained weight is {negative} after step {step}.");
    }
}
