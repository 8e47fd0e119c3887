using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models.Graph.Fused;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The steps of a training: batch, loss, gradients, optimizer.</summary>
internal sealed class TrainingSteps(
    Spec spec, TrainerSettings settings, TrainingData data, Learner learner, RunningPoints points, long stepsPerEpoch)
{
    private readonly TrainingBatches batches = new(spec, data.Train, settings.Seed);
    private readonly bool isOnHost = settings.Device.type == TorchSharp.DeviceType.CPU;

    /// <summary>Images that the steps of an epoch see, counted as often as they come.</summary>
    public long ImagesPerEpoch { get; } = Math.Min(
        stepsPerEpoch * spec.Training.BatchSize, Sampling.ImagesPerEpoch(spec.Training.Sampler, data.Train.Count));

    /// <summary>The places of the training images in an epoch's order, int64; the caller owns it.</summary>
    public Tensor Order(int epoch)
    {
        using var scope = NewDisposeScope();
        var places = Sampling.Order(
            spec.Training.Sampler, epoch, data.Train.Count, shuffle => RandomStreams.Shuffle(settings.Seed, shuffle, data.Train.Count));
        return from_array(places).to(settings.Device).DetachFromDisposeScope();
    }

    /// <summary>The step after those that are done.</summary>
    /// <exception cref="DivergedException">The loss is no finite number: seen at once on the host, else when a point is due.</exception>
    /// <exception cref="InvalidOperationException">A constrained weight is negative; checked only where the settings say so.</exception>
    public void Take(Tensor order, Progress done)
    {
        using var scope = NewDisposeScope();
        var start = done.StepInEpoch * spec.Training.BatchSize;
        var index = order.narrow(0, start, Math.Min(spec.Training.BatchSize, order.shape[0] - start)); // [B]
        var batch = batches.At(index, done.Step);
        var (loss, logits) = learner.Objective.Of(batch, index, done.Epoch); // scalar, [B, K]
        var isDue = points.IsDue(done.Step + 1);
        // Reading a number waits for a device, but not on the host.
        if ((isOnHost || isDue) && !double.IsFinite(loss.item<float>()))
            throw Divergence.At(
                done.Step, $"at step {done.Step + 1:N0} (epoch {done.Epoch + 1})", learner.Network, batch.Images, training: true);
        var minimised = learner.Penalty.Value() is { } penalty ? loss + penalty : loss;
        FusedFunctions.Backward(minimised);
        if (isDue) points.MeasureGradient();
        learner.Optimizer.Step(LearningRate(done, done.Step));
        learner.Average?.Step();
        points.Add(minimised, logits, batch.Labels);
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
