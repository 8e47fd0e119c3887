namespace ConvexWeb.Training.Events;

/// <summary>Words of <see cref="RunSummary.EndedBecause"/> that others look for.</summary>
public static class EndReasons
{
    /// <summary>How the reason begins where training.stop_below_loss ended a run; the loss follows.</summary>
    public const string BelowLoss = "the training loss is below";
}
