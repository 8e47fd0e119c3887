using ConvexWeb.Training.Annealing;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Schedules;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>A network after an epoch.</summary>
/// <param name="Values">Metric → value, as it is reported.</param>
internal sealed record EpochEvaluation(
    int Epoch, Evaluation Train, Evaluation Test, Evaluation? Validation, IReadOnlyDictionary<string, double> Values)
{
    /// <summary>What the summary of a run keeps besides the metrics.</summary>
    public IReadOnlyDictionary<string, SplitSummary> Splits() => Splits(Train, Test);

    public static IReadOnlyDictionary<string, SplitSummary> Splits(Evaluation train, Evaluation test) =>
        new Dictionary<string, SplitSummary> { ["train"] = train.Summary(), ["test"] = test.Summary() };
}

/// <summary>Evaluates whole splits in eval mode, and the weights themselves.</summary>
internal sealed class EpochEvaluator(Spec spec, TrainingData data, Learner learner)
{
    /// <summary>Null when stopped in between; then nothing has changed.</summary>
    /// <param name="running">The epoch's steps; null where not all of them are known.</param>
    /// <exception cref="DivergedException">The logits are no finite numbers.</exception>
    public EpochEvaluation? Evaluate(
        int epoch, Progress progress, RunningSums? running, RunningPoints points, CancellationToken stop)
    {
        if (Measure(data.Train, stop) is not { } train || Measure(data.Test, stop) is not { } test) return null;
        Evaluation? validation = null;
        if (data.Validation is { } held && (validation = Measure(held, stop)) is null) return null;
        Evaluation? noisy = null;
        if (data.NoisyTest is { } withNoise && (noisy = Measure(withNoise, stop)) is null) return null;
        foreach (var (name, split, measured) in new[]
            {
                ("training", data.Train, train), ("test", data.Test, test), ("validation", data.Validation, validation),
                ("noisy test", data.NoisyTest, noisy),
            })
            if (measured is not null && !double.IsFinite(measured.Loss)) throw Diverged(split!, name, epoch, progress);
        Evaluation? averaged = null;
        if (learner.Average is { } average && (averaged = average.With(() => Measure(data.Test, stop))) is null) return null;

        var values = new Dictionary<string, double> { ["gap"] = train.Accuracy - test.Accuracy, ["gap_loss"] = test.Loss - train.Loss };
        var smoothed = spec.Training.LabelSmoothing > 0;
        train.Report(values, "train", smoothed);
        test.Report(values, "test", smoothed);
        if (running is { } steps) points.AddTo(values, steps);
        validation?.Report(values, "validation", smoothed);
        if (noisy is not null)
        {
            values["noisy_test/accuracy"] = noisy.Accuracy;
            values["noisy_test/loss"] = noisy.Loss;
        }
        if (averaged is not null)
        {
            values["ema/test_accuracy"] = averaged.Accuracy;
            values["ema/test_loss"] = averaged.Loss;
        }
        AddWeights(values, progress);
        return new(epoch, train, test, validation, values);
    }

    /// <summary>What an evaluation changes in the state of a run, apart from what is best.</summary>
    /// <param name="learningRate">Of the last step.</param>
    public Progress After(EpochEvaluation evaluation, Progress progress, double learningRate)
    {
        var seconds = (progress.TrainSeconds - progress.EvaluatedSeconds) / Math.Max(1, evaluation.Epoch - progress.EvaluatedEpoch);
        progress = progress with
        {
            Latest = evaluation.Values,
            Series = MetricSeries.After(progress.Series, new Dictionary<string, double>(evaluation.Values)
            {
                ["lr"] = learningRate,
                ["epoch_seconds"] = seconds,
            }),
            EvaluatedEpoch = evaluation.Epoch,
            EvaluatedSeconds = progress.TrainSeconds,
            Negatives = 0,
            NegativesSince = progress.Step,
        };
        if (evaluation.Train.Accuracy >= 100 && progress.FittedEpoch is null)
            progress = progress with { FittedEpoch = evaluation.Epoch, FittedStep = progress.Step };
        if (evaluation.Train.Accuracy >= 99 && progress.NearlyFittedEpoch is null)
            progress = progress with { NearlyFittedEpoch = evaluation.Epoch, NearlyFittedStep = progress.Step };
        if (spec.Annealing is StagedAnnealingOptions staged && evaluation.Validation is { } held)
            progress = progress with { Stage = progress.Stage.After(held.Loss, staged, evaluation.Epoch, spec.Training.Epochs) };
        if (spec.Schedule is PlateauScheduleOptions plateau)
            progress = progress with { Plateau = progress.Plateau.After(evaluation.Train.Loss, plateau) };
        return progress;
    }

    /// <summary>Train and test measured again, for the summary of a run that was resumed at its end.</summary>
    public IReadOnlyDictionary<string, SplitSummary> Splits() =>
        EpochEvaluation.Splits(Measure(data.Train, CancellationToken.None)!, Measure(data.Test, CancellationToken.None)!);

    private void AddWeights(Dictionary<string, double> values, Progress progress)
    {
        ConstraintMetrics.Add(values, learner.Network, learner.Constraint);
        ConstraintMetrics.AddNorms(values, learner.Network, learner.Constraint, learner.Initial);
        AngleMetrics.Add(values, learner.Network);
        if (spec.Training.LayerMetrics) LayerMetrics.Add(values, learner.Network, learner.Constraint, learner.Initial);
        if (learner.Constraint.Kind is ConstraintKind.Free or ConstraintKind.SoftplusReparam) return;
        // Weights that the optimizer left below zero, before the constraint acted on them.
        var negatives = progress.Negatives + learner.Optimizer.TakeNegatives();
        values["constraint/negatives_per_step"] = (double)negatives / Math.Max(1, progress.Step - progress.NegativesSince);
    }

    // Looks for the batch in question once more: an evaluation that goes well keeps none.
    private DivergedException Diverged(Split split, string name, int epoch, Progress progress)
    {
        using var outer = NewDisposeScope();
        using var quiet = no_grad();
        var when = $"on the {name} images after step {progress.Step:N0} (epoch {epoch})";
        learner.Network.eval();
        for (long at = 0, batch = Evaluation.BatchFor(learner.Network); at < split.Count; at += batch)
        {
            using var scope = NewDisposeScope();
            var images = split.Slice(at, Math.Min(batch, split.Count - at)).Images;
            if (!learner.Network.forward(images).isfinite().all().item<bool>())
                return Divergence.At(progress.Step, when, learner.Network, images, training: false);
        }
        return Divergence.At(progress.Step, when, learner.Network, split.Slice(0, 1).Images, training: false);
    }

    private Evaluation? Measure(Split split, CancellationToken stop) =>
        Evaluation.Of(learner.Network, split, spec.Training.LabelSmoothing, stop);
}
