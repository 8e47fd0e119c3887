namespace ConvexWeb.Training.Engine;

/// <summary>Seconds of training steps alone: evaluations, checkpoints and pauses do not count, even between two points.</summary>
internal sealed class StepTimer(TimeProvider clock)
{
    private long since = clock.GetTimestamp();

    /// <summary>Adds the time since the timer was made, or since this was called the last time.</summary>
    public Progress AddTo(Progress progress)
    {
        var seconds = clock.GetElapsedTime(since).TotalSeconds;
        since = clock.GetTimestamp();
        return progress with { TrainSeconds = progress.TrainSeconds + seconds, RunningSeconds = progress.RunningSeconds + seconds };
    }
}
