using ConvexWeb.Training.Events;

namespace ConvexWeb.Training.Cli;

/// <summary>
/// What a person sees on a terminal while a network trains:
/// one line an evaluation, and a line of progress that is overwritten.
/// </summary>
internal sealed class TrainDisplay(TimeProvider clock)
{
    private long totalSteps;
    private long shown;

    public void Show(TrainingEvent happened, string line)
    {
        switch (happened)
        {
            case StartedEvent started:
                totalSteps = started.TotalSteps;
                var resumed = started.Resumed ? $", resumed at step {started.Step:N0}" : "";
                Say($"{started.Parameters:N0} parameters, {started.TotalSteps:N0} steps on {started.Device} "
                    + $"with {started.Threads} threads{resumed}");
                break;
            case PointsEvent points when clock.GetElapsedTime(shown).TotalMilliseconds > 200:
                shown = clock.GetTimestamp();
                Console.Write(
                    $"\r  step {points.Step:N0} of {totalSteps:N0} ({100.0 * points.Step / totalSteps:0}%)  "
                    + $"loss {points.Values["train/loss_running"]:0.0000}  {points.Values["samples_per_second"]:N0} images/s   ");
                break;
            case EpochEvent epoch:
                Say($"epoch {epoch.Epoch,4}  train {epoch.Values["train/accuracy"],6:0.00} %  "
                    + $"test {epoch.Values["test/accuracy"],6:0.00} %  gap {epoch.Values["gap"],6:+0.00;-0.00}  "
                    + $"loss {epoch.Values["train/loss"]:0.0000} / {epoch.Values["test/loss"]:0.0000}");
                break;
            case MessageEvent message: Say(message.Text); break;
            case FinishedEvent { Summary: { } summary }:
                Say($"Done: {summary.EndedBecause}, {summary.TrainSeconds:0.0} s of training.");
                break;
            case StoppedEvent stopped: Say($"Stopped at step {stopped.Step:N0}; --resume goes on from there."); break;
            case FailedEvent failed: Say($"Failed: {failed.Error}"); break;
        }
    }

    private static void Say(string text) => Console.WriteLine("\r" + text.PadRight(78));
}
