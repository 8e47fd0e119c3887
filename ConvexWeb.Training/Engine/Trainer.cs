using System.Security.Cryptography;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Engine.Metrics;
using ConvexWeb.Training.Engine.Objectives;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Models.Graph.Fused;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>What a training is given besides its spec.</summary>
/// <param name="Folder">Where checkpoints go; null keeps nothing.</param>
public sealed record TrainerSettings(ulong Seed, Device Device, string? Folder, bool Resume, TimeProvider Clock)
{
    /// <summary>Least time between two checkpoints of the last state; the end and a stop always write one.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Checks after every step that no constrained weight is negative, and fails if one is.</summary>
    public bool VerifyConstraint { get; init; }

    /// <summary>False trains with plain tensor operations instead of the fused kernels.</summary>
    public bool Fused { get; init; } = true;
}

/// <summary>The training loop: seed, build, epochs of { steps; evaluate; checkpoint; report }.</summary>
public sealed class Trainer : IDisposable
{
    /// <summary>The file of a run's folder from which it can be gone on with.</summary>
    public const string LastFileName = "last.safetensors";

    private readonly Spec spec;
    private readonly TrainerSettings settings;
    private readonly TrainingData data;
    private readonly EventWriter events;
    private readonly Constraint constraint;
    private readonly Optimizer optimizer;
    private readonly long stepsPerEpoch;
    private readonly long pointsEvery;
    private readonly RunningMean running;
    private readonly TrainingBatches batches;
    private readonly Objective objective;
    private readonly AveragedWeights? average;
    private readonly Dictionary<string, Tensor> initial;
    private readonly Dictionary<string, SplitSummary> details = [];
    private Progress progress = new();
    private long lastCheckpoint;
    private double gradientNorm;
    private bool diverged;

    public Trainer(Spec spec, TrainerSettings settings, TrainingData data, EventWriter events)
    {
        this.spec = spec;
        this.settings = settings;
        this.data = data;
        this.events = events;
        Generator.Default.manual_seed(RandomStreams.Init(settings.Seed));
        Network = ModelFactory.Build(spec);
        TorchSharp.ModuleExtensionMethods.to(Network, settings.Device);
        constraint = Constraint.Of(spec);
        optimizer = new Optimizer(Network, spec.Optimizer, constraint, settings.Fused);
        stepsPerEpoch = Batching.StepsPerEpoch(data.Train.Count, spec.Training.BatchSize);
        pointsEvery = spec.Training.PointsEvery ?? Math.Max(1, stepsPerEpoch / 20);
        running = new RunningMean(settings.Device);
        batches = new TrainingBatches(spec, data.Train, settings.Seed);
        objective = Objective.Of(spec, Network, data, (level, text) => events.Report(new MessageEvent(level, text)));
        // Before a checkpoint is read: a resumed run measures from the same start.
        using (NewDisposeScope())
            initial = Network.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach().clone().DetachFromDisposeScope());
        if (spec.Training.EmaDecay is { } decay) average = new AveragedWeights(Network, constraint, decay);
        Generator.Default.manual_seed(RandomStreams.Dropout(settings.Seed));
    }

    public PlanNetwork Network { get; }

    // Label smoothing and mixed images minimise something else than the plain loss.
    private bool IsPlain => spec.Training.LabelSmoothing == 0 && !spec.Augmentation.Mixes && objective is PlainObjective;

    // What is kept in the last state besides weights and optimizer.
    private IEnumerable<(string, Tensor)> Further => [.. average?.State() ?? [], .. objective.State()];

    private string LastFile => Path.Combine(settings.Folder!, LastFileName);

    /// <summary>Trains to the end, or until <paramref name="stop"/>: then the state is stored and a stopped event reported. True at the end.</summary>
    public bool Run(CancellationToken stop)
    {
        var resumed = settings.Resume && File.Exists(LastFile);
        if (resumed)
        {
            progress = Checkpoint.Restore(LastFile, spec, settings.Seed, Network, optimizer, Further);
            running.Restore(progress);
        }
        lastCheckpoint = settings.Clock.GetTimestamp();
        var description = Description.Of(spec);
        events.Report(new StartedEvent(progress.Step, resumed, settings.Device.ToString(), get_num_threads(), description.Parameters, stepsPerEpoch, stepsPerEpoch * spec.Training.Epochs)
        {
            LabelsSha256 = data.Labels.Sha256,
            WrongLabels = data.Labels.WrongShare,
        });

        var ended = Ended();
        while (ended is null)
        {
            // A stop leaves the epoch where it is, its evaluation included: a resumed run goes on there.
            if (!TrainEpoch(stop)) return false;
            var epoch = progress.Epoch + 1;
            var due = epoch == spec.Training.Epochs || epoch % spec.Training.EvaluateEvery == 0;
            if (due && !Evaluate(epoch, stop)) return Pause();
            progress = progress with { Epoch = epoch, StepInEpoch = 0 };
            ended = Ended();
            if (ended is not null || settings.Clock.GetElapsedTime(lastCheckpoint) >= settings.CheckpointEvery) SaveLast();
        }
        Finish(ended);
        return true;
    }

    /// <summary>Seconds that one epoch's steps take, points included and evaluation left out: for the benchmark.</summary>
    internal double TimeOneEpoch()
    {
        TrainEpoch(CancellationToken.None);
        return progress.TrainSeconds;
    }

    private bool TrainEpoch(CancellationToken stop)
    {
        if (progress.StepInEpoch == 0 && !objective.Begin(progress.Epoch, stop)) return Pause();
        Network.train();
        using var shuffled = from_array(RandomStreams.Shuffle(settings.Seed, progress.Epoch, data.Train.Count).Select(i => (long)i).ToArray());
        using var order = shuffled.to(settings.Device);
        var clock = settings.Clock.GetTimestamp();
        while (progress.StepInEpoch < stepsPerEpoch && !stop.IsCancellationRequested)
        {
            Step(order);
            progress = progress with { Step = progress.Step + 1, StepInEpoch = progress.StepInEpoch + 1 };
            if (progress.Step % pointsEvery != 0) continue;
            Clock(ref clock);
            ReportPoint();
        }
        Clock(ref clock);
        return progress.StepInEpoch == stepsPerEpoch || Pause();
    }

    // Training time counts steps alone, also across evaluations, pauses and epochs' ends between two points.
    private void Clock(ref long since)
    {
        var seconds = settings.Clock.GetElapsedTime(since).TotalSeconds;
        since = settings.Clock.GetTimestamp();
        progress = progress with { TrainSeconds = progress.TrainSeconds + seconds, RunningSeconds = progress.RunningSeconds + seconds };
    }

    private void Step(Tensor order)
    {
        using var scope = NewDisposeScope();
        var start = progress.StepInEpoch * spec.Training.BatchSize;
        var index = order.narrow(0, start, Math.Min(spec.Training.BatchSize, data.Train.Count - start));
        var batch = batches.At(index, progress.Step);
        var (loss, logits) = objective.Of(batch, index, progress.Epoch); // scalar, [B, K]
        FusedFunctions.Backward(loss);
        if ((progress.Step + 1) % pointsEvery == 0) gradientNorm = GradientNorm();
        optimizer.Step(LearningRateAt(progress.Step));
        average?.Step();
        running.Add(loss, logits, batch.Labels, IsPlain);
        if (settings.VerifyConstraint && constraint.Kind != ConstraintKind.Free && ConstraintMetrics.Smallest(Network, constraint) is < 0 and var negative)
            throw new InvalidOperationException($"A constrained weight is {negative} after step {progress.Step + 1}.");
    }

    private double LearningRateAt(long step)
    {
        var epochs = spec.Model.StageEpochs(spec.Training.Epochs);
        return spec.Optimizer.BaseLr * LearningRate.Factor(spec.Schedule, step % (epochs * stepsPerEpoch), stepsPerEpoch, epochs, progress.Plateau);
    }

    // Only where a point is due: it waits for the device.
    private double GradientNorm()
    {
        using var quiet = no_grad();
        var squares = zeros([], ScalarType.Float64, settings.Device);
        foreach (var parameter in Network.parameters())
            if (parameter.grad is { } gradient) squares.add_(gradient.square().sum().to(ScalarType.Float64));
        return Math.Sqrt(squares.item<double>());
    }

    private void ReportPoint()
    {
        var (loss, objective, accuracy, images) = running.Take();
        WarnOnce(loss);
        var values = new Dictionary<string, double>
        {
            ["train/loss_running"] = loss,
            ["train/accuracy_running"] = accuracy,
            ["lr"] = LearningRateAt(progress.Step - 1),
            ["grad_norm"] = gradientNorm,
            ["samples_per_second"] = images / Math.Max(progress.RunningSeconds, 1e-9),
        };
        if (!IsPlain) values["train/objective_running"] = objective;
        progress = progress with { RunningSeconds = 0 };
        events.Report(new PointsEvent(progress.Step, (double)progress.Step / stepsPerEpoch, values));
    }

    private void WarnOnce(double loss)
    {
        if (diverged || double.IsFinite(loss)) return;
        diverged = true;
        events.Report(new MessageEvent("warning", $"The training loss is {loss} near step {progress.Step:N0}: this training has diverged and will hardly recover. Try a lower optimizer.lr, or init log_normal under a constraint."));
    }

    /// <summary>Measures whole splits and reports; false when stopped in between, which changes nothing.</summary>
    private bool Evaluate(int epoch, CancellationToken stop)
    {
        if (Measure(data.Train, stop) is not { } train || Measure(data.Test, stop) is not { } test) return false;
        Evaluation? validation = null;
        if (data.Validation is { } held && (validation = Measure(held, stop)) is null) return false;
        Evaluation? averaged = null;
        if (average is not null && (averaged = average.With(() => Measure(data.Test, stop))) is null) return false;
        var values = new Dictionary<string, double> { ["gap"] = train.Accuracy - test.Accuracy, ["gap_loss"] = test.Loss - train.Loss };
        var smoothed = spec.Training.LabelSmoothing > 0;
        train.Report(values, "train", smoothed);
        test.Report(values, "test", smoothed);
        if (validation is not null)
        {
            values["validation/accuracy"] = validation.Accuracy;
            values["validation/loss"] = validation.Loss;
        }
        if (averaged is not null)
        {
            values["ema/test_accuracy"] = averaged.Accuracy;
            values["ema/test_loss"] = averaged.Loss;
        }
        Keep(train, test);
        if (train.Accuracy >= 100 && progress.FittedEpoch is null) progress = progress with { FittedEpoch = epoch, FittedStep = progress.Step };
        if (spec.Schedule is PlateauScheduleOptions plateau) progress = progress with { Plateau = progress.Plateau.After(train.Loss, plateau) };
        ConstraintMetrics.Add(values, Network, constraint);
        ConstraintMetrics.AddNorms(values, Network, constraint, initial);
        if (constraint.Kind is not (ConstraintKind.Free or ConstraintKind.SoftplusReparam))
            values["constraint/negatives_per_step"] = (double)(progress.Negatives + optimizer.TakeNegatives()) / Math.Max(1, progress.Step - progress.NegativesSince);
        progress = progress with { Negatives = 0, NegativesSince = progress.Step };
        events.Report(new EpochEvent(epoch, progress.Step, values));

        // Before the last stage the network is unfinished, and no evaluation of it is the best.
        if (epoch <= spec.Training.Epochs - spec.Model.StageEpochs(spec.Training.Epochs))
        {
            progress = progress with { Latest = values };
            return true;
        }

        if (test.Accuracy > progress.Peak.GetValueOrDefault("test/accuracy", -1)) progress = progress with { Peak = values, PeakEpoch = epoch };

        // Without a validation split there is no honest choice by test accuracy: best then means the lowest training loss.
        var score = validation?.Accuracy ?? -train.Loss;
        var better = progress.BestScore is not { } best || score > best;
        progress = progress with { Latest = values, SinceBest = better ? 0 : progress.SinceBest + 1 };
        if (!better) return true;
        progress = progress with { BestScore = score, BestEpoch = epoch, Best = values };
        Save(CheckpointKind.Best, withOptimizer: false);
        return true;
    }

    private void Keep(Evaluation train, Evaluation test) => (details["train"], details["test"]) = (train.Summary(), test.Summary());

    private Evaluation? Measure(Split split, CancellationToken stop) => Evaluation.Of(Network, split, spec.Training.LabelSmoothing, stop);

    private string? Ended()
    {
        if (progress.Epoch >= spec.Training.Epochs) return "all epochs done";
        if (spec.Training.StopWhenFitted && progress.Latest.GetValueOrDefault("train/accuracy") >= 100) return "every training image is fitted";
        if (spec.Training.StopBelowLoss is { } enough && progress.Latest.TryGetValue("train/loss", out var loss) && loss < enough) return $"the training loss is below {enough}";
        if (spec.Training.Patience is { } patience && progress.SinceBest >= patience) return $"no better validation accuracy for {patience} evaluations";
        return null;
    }

    private bool Pause()
    {
        SaveLast();
        events.Report(new StoppedEvent(progress.Step));
        return false;
    }

    private void Finish(string because)
    {
        if (settings.VerifyConstraint && constraint.Kind != ConstraintKind.Free)
            events.Report(new MessageEvent("info", $"No constrained weight was negative after any of the steps up to {progress.Step:N0}."));
        // Gone on with at its very end: what the last evaluation found was only in the memory of the process that died.
        if (details.Count == 0) Keep(Measure(data.Train, CancellationToken.None)!, Measure(data.Test, CancellationToken.None)!);
        var summary = new RunSummary("Succeeded", progress.Epoch, progress.Step, because, progress.Latest, progress.Best, progress.BestEpoch, progress.TrainSeconds, Checkpoint.WeightsSha256(Network))
        {
            FittedEpoch = progress.FittedEpoch,
            FittedStep = progress.FittedStep,
            Peak = progress.Peak,
            PeakEpoch = progress.PeakEpoch,
            LabelsSha256 = data.Labels.Sha256,
            WrongLabels = data.Labels.WrongShare,
            Clusters = objective.Finish(settings.Folder),
            Classes = data.ClassNames,
            Splits = details,
            Layers = LayerStatistics.Of(Network, constraint, initial),
        };
        if (settings.Folder is { } folder) Store(Path.Combine(folder, "summary.json"), RunSummaryJson.Write(summary) + "\n");
        events.Report(new FinishedEvent(progress.Step, summary));
    }

    // Whole or not at all: a summary is never half written.
    private static void Store(string path, string text)
    {
        File.WriteAllText(path + ".tmp", text);
        File.Move(path + ".tmp", path, overwrite: true);
    }

    private void SaveLast()
    {
        progress = running.Store(progress) with { FewerSteps = optimizer.FewerSteps, Negatives = progress.Negatives + optimizer.TakeNegatives() };
        Save(CheckpointKind.Last, withOptimizer: true);
        lastCheckpoint = settings.Clock.GetTimestamp();
    }

    private void Save(CheckpointKind kind, bool withOptimizer)
    {
        if (settings.Folder is null) return;
        // If we die before the rename, the older checkpoint stands and its points are all in the journal.
        events.Drain();
        var file = Path.Combine(settings.Folder, kind == CheckpointKind.Last ? LastFileName : "best.safetensors");
        Checkpoint.Save(file, spec, settings.Seed, Network, withOptimizer ? optimizer : null, progress, withOptimizer ? Further : null);
        using var stream = File.OpenRead(file);
        events.Report(new CheckpointEvent(kind, progress.Step, Path.GetFileName(file), stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream))));
    }

    public void Dispose()
    {
        running.Dispose();
        average?.Dispose();
        objective.Dispose();
        foreach (var tensor in initial.Values) tensor.Dispose();
        optimizer.Dispose();
        Network.Dispose();
    }
}
