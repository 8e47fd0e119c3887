using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Engine.Metrics;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The training loop: seed, build, epochs of { steps; evaluate; checkpoint; report }.</summary>
public sealed class Trainer : IDisposable
{
    private readonly Spec spec;
    private readonly TrainerSettings settings;
    private readonly TrainingData data;
    private readonly EventWriter events;
    private readonly long stepsPerEpoch;
    private readonly Learner learner;
    private readonly RunningPoints points;
    private readonly TrainingSteps steps;
    private readonly EpochEvaluator evaluator;
    private readonly RunCheckpoints checkpoints;
    private readonly FilterSnapshots filters;
    private Progress progress = new();
    private EpochEvaluation? latest;

    public Trainer(Spec spec, TrainerSettings settings, TrainingData data, EventWriter events)
    {
        (this.spec, this.settings, this.data, this.events) = (spec, settings, data, events);
        stepsPerEpoch = spec.Training.StepsPerEpoch(data.Train.Count);
        learner = new Learner(spec, settings, data, events);
        points = new RunningPoints(spec, learner, settings.Device, stepsPerEpoch, events);
        steps = new TrainingSteps(spec, settings, data, learner, points, stepsPerEpoch);
        evaluator = new EpochEvaluator(spec, data, learner);
        checkpoints = new RunCheckpoints(spec, settings, learner, points, events);
        filters = new FilterSnapshots(spec, settings, learner.Network);
    }

    public PlanNetwork Network => learner.Network;

    /// <summary>
    /// Trains to the end, or until <paramref name="stop"/>: then the state is stored and a stopped event reported. True at the end.
    /// </summary>
    public bool Run(CancellationToken stop)
    {
        var resumed = checkpoints.Restore();
        progress = resumed ?? progress;
        ReportStart(resumed is not null);

        var reason = StoppingRules.ReasonToEnd(spec.Training, progress);
        while (reason is null)
        {
            var epoch = progress.Epoch + 1;
            // A stop leaves the epoch where it is, its evaluation included: a resumed run continues there.
            if (!TrainEpoch(stop)) return Stop();
            if (IsEvaluated(epoch) && !Evaluate(epoch, stop)) return Stop();
            progress = filters.After(progress, epoch) with { Epoch = epoch, StepInEpoch = 0 };
            reason = StoppingRules.ReasonToEnd(spec.Training, progress);
            if (reason is not null) RestoreBest();
            if (reason is not null || checkpoints.IsDue) progress = checkpoints.SaveLast(progress);
        }
        Finish(reason);
        return true;
    }

    /// <summary>Seconds that one epoch's steps take, points included and evaluation left out: for the benchmark.</summary>
    internal double TimeOneEpoch()
    {
        progress = new();
        TrainEpoch(CancellationToken.None);
        return progress.TrainSeconds;
    }

    /// <summary>The steps of an epoch that are left, with a point every so many; false when stopped in between.</summary>
    private bool TrainEpoch(CancellationToken stop)
    {
        if (progress.StepInEpoch == 0 && !learner.Objective.Begin(progress.Epoch, stop)) return false;
        if (progress.StepInEpoch == 0)
        {
            points.BeginEpoch();
            Network.SetAngle(spec.Annealing.AngleAt(progress.Epoch, spec.Training.Epochs, progress.Stage));
            if (progress.Epoch == 0) progress = filters.After(progress, 0);
        }
        Network.train();
        using var order = steps.Order(progress.Epoch);
        var timer = new StepTimer(settings.Clock);
        while (progress.StepInEpoch < stepsPerEpoch && !stop.IsCancellationRequested)
        {
            steps.Take(order, progress);
            progress = progress with { Step = progress.Step + 1, StepInEpoch = progress.StepInEpoch + 1 };
            if (!points.IsDue(progress.Step)) continue;
            progress = points.Report(timer.AddTo(progress), steps.LearningRate(progress, progress.Step - 1));
        }
        progress = timer.AddTo(progress);
        return progress.StepInEpoch == stepsPerEpoch;
    }

    private bool IsEvaluated(int epoch) => epoch == spec.Training.Epochs || epoch % spec.Training.EvaluateEvery == 0;

    /// <summary>Measures whole splits and reports; false when stopped in between, which changes nothing.</summary>
    private bool Evaluate(int epoch, CancellationToken stop)
    {
        var running = points.EndEpoch(steps.ImagesPerEpoch);
        if (evaluator.Evaluate(epoch, progress, running, points, stop) is not { } evaluation) return false;
        latest = evaluation;
        while (ConvolutionCheck.Found.TryDequeue(out var found)) events.Report(new MessageEvent(MessageLevel.Info, found));
        events.Report(new EpochEvent(epoch, progress.Step, evaluation.Values));
        progress = evaluator.After(evaluation, progress, steps.LearningRate(progress, progress.Step - 1));
        if (!BestEvaluation.Counts(spec, epoch)) return true;
        (progress, var isBest) = BestEvaluation.Compare(spec.Training, evaluation, progress);
        if (!isBest) return true;
        learner.Best?.Take();
        checkpoints.SaveBest(progress);
        return true;
    }

    // The run ends with the weights of its best evaluation, and the final figures are those weights'.
    private void RestoreBest()
    {
        if (learner.Best is null || progress.BestEpoch == 0) return;
        learner.Best.PutBack();
        progress = progress with
        {
            Latest = progress.Best,
            Series = progress.Series.ToDictionary(
                pair => pair.Key,
                pair => progress.Best.TryGetValue(pair.Key, out var best) ? pair.Value with { Final = best } : pair.Value),
        };
        latest = null;
    }

    private bool Stop()
    {
        progress = checkpoints.SaveLast(progress);
        events.Report(new StoppedEvent(progress.Step));
        return false;
    }

    private void ReportStart(bool resumed) => events.Report(
        new StartedEvent(
            progress.Step, resumed, settings.Device.ToString(), get_num_threads(), Description.Of(spec).Parameters, stepsPerEpoch,
            stepsPerEpoch * spec.Training.Epochs)
        {
            LabelsSha256 = data.Labels.Sha256,
            WrongLabels = data.Labels.WrongShare,
        });

    private void Finish(string reason)
    {
        if (settings.VerifyConstraint && learner.Constraint.Kind != ConstraintKind.Free)
        {
            var text = $"No constrained weight was negative after any of the steps up to {progress.Step:N0}.";
            events.Report(new MessageEvent(MessageLevel.Info, text));
        }
        // Resumed at its very end: the last evaluation was only in the memory of the process that died.
        var splits = latest?.Splits() ?? evaluator.Splits();
        var layers = LayerStatistics.Of(Network, learner.Constraint, learner.Initial);
        var summary = new RunSummary(
            progress.Epoch, progress.Step, reason, progress.Latest, progress.Best, progress.BestEpoch, progress.TrainSeconds,
            Checkpoint.WeightsSha256(Network))
        {
            FittedEpoch = progress.FittedEpoch,
            FittedStep = progress.FittedStep,
            NearlyFittedEpoch = progress.NearlyFittedEpoch,
            NearlyFittedStep = progress.NearlyFittedStep,
            RestoredEpoch = spec.Training.RestoreBest && progress.BestEpoch > 0 ? progress.BestEpoch : null,
            Series = progress.Series,
            Filters = progress.Filters.Count > 0 ? progress.Filters : null,
            Peak = progress.Peak,
            PeakEpoch = progress.PeakEpoch,
            LabelsSha256 = data.Labels.Sha256,
            WrongLabels = data.Labels.WrongShare,
            Clusters = learner.Objective.Finish(settings.Folder),
            Classes = data.ClassNames,
            Splits = splits,
            Layers = layers,
            Measures = GeneralizationMeasures.Of(Network, layers, splits["train"].MarginDeciles![1]),
        };
        if (settings.Folder is { } folder) SummaryFile.Write(folder, summary);
        events.Report(new FinishedEvent(progress.Step, summary));
    }

    public void Dispose()
    {
        points.Dispose();
        learner.Dispose();
    }
}
