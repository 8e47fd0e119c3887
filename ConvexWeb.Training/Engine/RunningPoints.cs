using ConvexWeb.Training.Engine.Objectives;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// The points between evaluations: running loss and accuracy, gradient norm, speed; and the same means over each whole epoch, which is what
/// the logs of most sources call training accuracy: of each batch before its step, in training mode, on augmented images.
/// </summary>
internal sealed class RunningPoints(Spec spec, Learner learner, Device device, long stepsPerEpoch, EventWriter events) : IDisposable
{
    private readonly long every = spec.Training.PointsEvery ?? Math.Max(1, stepsPerEpoch / 20);
    private readonly RunningMean running = new(device);
    private double gradientNorm;

    // The epoch's sums up to the last point, less what lay before the epoch.
    private RunningSums ofEpoch;

    // Label smoothing, mixed images and penalties minimise something else than the plain loss.
    private readonly bool isPlain = spec.Training.LabelSmoothing == 0 && !spec.Augmentation.Mixes && !spec.Regularization.IsOn
        && learner.Objective is PlainObjective;

    /// <param name="step">Steps done.</param>
    public bool IsDue(long step) => step % every == 0;

    public void Add(Tensor loss, Tensor logits, Tensor labels) => running.Add(loss, logits, labels, isPlain);

    /// <summary>Of the gradients as they are now. Only where a point is due: it waits for the device.</summary>
    public void MeasureGradient()
    {
        using var quiet = no_grad();
        var squares = zeros([], ScalarType.Float64, device);
        foreach (var parameter in learner.Network.parameters())
            if (parameter.grad is { } gradient) squares.add_(gradient.square().sum().to(ScalarType.Float64));
        gradientNorm = Math.Sqrt(squares.item<double>());
    }

    /// <summary>Reports what the steps since the last point come to, and starts again.</summary>
    public Progress Report(Progress progress, double learningRate)
    {
        var sums = running.Take();
        ofEpoch = ofEpoch.Plus(sums);
        var values = new Dictionary<string, double>
        {
            ["train/loss_running"] = sums.MeanLoss,
            ["train/accuracy_running"] = sums.Accuracy,
            ["lr"] = learningRate,
            ["grad_norm"] = gradientNorm,
            ["samples_per_second"] = sums.Images / Math.Max(progress.RunningSeconds, 1e-9),
        };
        if (!isPlain) values["train/objective_running"] = sums.MeanObjective;
        events.Report(new PointsEvent(progress.Step, (double)progress.Step / stepsPerEpoch, values));
        return progress with { RunningSeconds = 0 };
    }

    /// <summary>Puts the sums since the last point into the progress that a checkpoint stores.</summary>
    public Progress Store(Progress progress) => running.Store(progress) with { EpochSums = ofEpoch };

    public void Restore(Progress progress)
    {
        running.Restore(progress);
        ofEpoch = progress.EpochSums;
    }

    /// <summary>Before the first step of an epoch.</summary>
    public void BeginEpoch() => ofEpoch = new RunningSums().Minus(running.Peek());

    /// <summary>What the steps of the epoch come to; of one whose first steps an older version took, null.</summary>
    public RunningSums? EndEpoch(long images) => ofEpoch.Plus(running.Peek()) is var all && all.Images == images ? all : null;

    /// <summary>Adds an epoch's means to the metrics of its evaluation.</summary>
    public void AddTo(Dictionary<string, double> values, RunningSums epoch)
    {
        values["train/accuracy_epoch_running"] = epoch.Accuracy;
        values["train/loss_epoch_running"] = epoch.MeanLoss;
        if (!isPlain) values["train/objective_epoch_running"] = epoch.MeanObjective;
    }

    public void Dispose() => running.Dispose();
}
