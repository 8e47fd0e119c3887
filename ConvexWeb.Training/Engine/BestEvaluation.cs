using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// Which evaluation of a run is the best, and which the peak. The best has the highest validation accuracy, or what the spec's patience
/// looks at; without a validation split there is no honest choice by test accuracy, so it has the lowest training loss. The peak has the
/// highest test accuracy: it is reported, as tables of peaks do, and nothing is chosen by it. Of equal ones, both are the first.
/// </summary>
internal static class BestEvaluation
{
    /// <summary>Before its last stage a network is unfinished, and no evaluation of it is the best or the peak.</summary>
    public static bool Counts(Spec spec, int epoch) =>
        epoch > spec.Training.Epochs - spec.Model.StageEpochs(spec.Training.Epochs);

    public static (Progress Progress, bool IsBest) Compare(TrainingOptions options, EpochEvaluation evaluation, Progress progress)
    {
        if (evaluation.Test.Accuracy > progress.Peak.GetValueOrDefault("test/accuracy", -1))
            progress = progress with { Peak = evaluation.Values, PeakEpoch = evaluation.Epoch };

        var score = options.PatienceOn switch
        {
            StoppingSignal.TestLoss => -evaluation.Test.Loss,
            StoppingSignal.ValidationLoss when evaluation.Validation is { } held => -held.Loss,
            _ => evaluation.Validation?.Accuracy ?? -evaluation.Train.Loss,
        };
        var isBest = progress.BestScore is not { } best || score > best + options.MinDelta;
        return isBest
            ? (progress with { BestScore = score, BestEpoch = evaluation.Epoch, Best = evaluation.Values, SinceBest = 0 }, true)
            : (progress with { SinceBest = progress.SinceBest + 1 }, false);
    }
}
