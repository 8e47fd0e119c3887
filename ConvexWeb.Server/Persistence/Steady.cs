namespace ConvexWeb.Server.Persistence;

/// <summary>
/// Work that goes on for as long as the server does. The first exception that leaves a background service would end the server, and with it
/// pages and trainings; so it is told here, and the work begins again.
/// </summary>
public sealed class Steady(TimeProvider time, ILogger<Steady> log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    /// <summary>Ends when the work does, or with <paramref name="stop"/>; never with an exception.</summary>
    public async Task RunAsync(string what, Func<CancellationToken, Task> work, CancellationToken stop)
    {
        var (told, at) = ("", 0L);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await work(stop);
                return;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception problem)
            {
                // Of an outage that lasts, once a minute is enough.
                if (problem.Message != told || time.GetElapsedTime(at) > Silence)
                {
                    (told, at) = (problem.Message, time.GetTimestamp());
                    if (Outage.Is(problem)) log.LogWarning("{What}: interrupted, and tried again: {Problem}", what, problem.Message);
                    else log.LogError(problem, "{What}: failed, and tried again", what);
                }
            }
            await Task.Delay(Pause, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
