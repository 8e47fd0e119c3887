using ConvexWeb.Training.Engine.Objectives;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The points between evaluations: running loss and accuracy, gradient norm, speed; and a warning on divergence.</summary>
internal sealed class RunningPoints(Spec spec, Learner learner, Device device, long stepsPerEpoch, EventWriter events) : IDisposable
{
    private readonly long every = spec.Training.PointsEvery ?? Math.Max(1, stepsPerEpoch / 20);
    private readonly RunningMean running = new(device);
    private double gradientNorm;
    private bool hasWarned;

    // Label smoothing and mixed images minimise something else than the plain loss.
    private readonly bool isPlain = spec.Training.LabelSmoothing == 0 && !spec.Augmentation.Mixes && learner.Objective is PlainObjective;

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
        var (loss, objective, accuracy, images) = running.Take();
        WarnOnce(loss, progress.Step);
        var values = new Dictionary<string, double>
        {
            ["train/loss_running"] = loss,
            ["train/accuracy_running"] = accuracy,
            ["lr"] = learningRate,
            ["grad_norm"] = gradientNorm,
            ["samples_per_second"] = images / Math.Max(progress.RunningSeconds, 1e-9),
        };
        if (!isPlain) values["train/objective_running"] = objective;
        events.Report(new PointsEvent(progress.Step, (double)progress.Step / stepsPerEpoch, values));
        return progress with { RunningSeconds = 0 };
    }

    /// <summary>Puts the sums since the last point into the progress that a checkpoint stores.</summary>
    public Progress Store(Progress progress) => running.Store(progress);

    public void Restore(Progress progress) => running.Restore(progress);

    private void WarnOnce(double loss, long step)
    {
        if (hasWarned || double.IsFinite(loss)) return;
        hasWarned = true;
        events.Report(new MessageEvent(
            MessageLevel.Warning,
            $"The training loss is {loss} near step {step:N0}: this training has diverged and will hardly recover. "
            + "Try a lower optimizer.lr, or init log_normal under a constraint."));
    }

    public void Dispose() => running.Dispose();
}
