using ConvexWeb.Training.Events;
using ConvexWeb.Training.Options;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Engine;

/// <summary>When a training is at its end: all epochs, or one of the spec's rules, looked at after each epoch.</summary>
internal static class StoppingRules
{
    /// <returns>The reason in words; null while the training goes on.</returns>
    public static string? ReasonToEnd(TrainingOptions options, Progress progress)
    {
        if (progress.Epoch >= options.Epochs) return "all epochs done";
        if (options.StopWhenFitted && progress.Latest.GetValueOrDefault("train/accuracy") >= 100) return "every training image is fitted";
        if (options.StopBelowLoss is { } enough && progress.Latest.TryGetValue("train/loss", out var loss) && loss < enough)
            return $"{EndReasons.BelowLoss} {enough}";
        if (options.Patience is { } patience && progress.SinceBest >= patience)
            return $"no better {ChoiceWord.Of(options.PatienceOn).Replace('_', ' ')} for {patience} evaluations";
        return null;
    }
}
