namespace ConvexWeb.Server.Persistence;

/// <summary>
/// Work that goes on for as long as the server does. The first exception that leaves a background service would end the server, and with it
/// pages and trainings; so it is logged here, and the work begins again.
/// </summary>
public sealed class ServiceLoop(TimeProvider time, ILogger<ServiceLoop> log)
{
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    /// <summary>Ends when the work does, or with <paramref name="stop"/>; never with an exception.</summary>
    public async Task RunAsync(string what, Func<CancellationToken, Task> work, CancellationToken stop)
    {
        var (logged, at) = ("", 0L);
        try
        {
            await Resilience.Service(time, Log).ExecuteAsync(async token => await work(token), stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (Exception problem)
        {
            Log(problem); // the work failed while the server was stopping already
        }

        void Log(Exception problem)
        {
            // Of an outage that lasts, once a minute is enough.
            if (problem.Message == logged && time.GetElapsedTime(at) <= Silence) return;
            (logged, at) = (problem.Message, time.GetTimestamp());
            if (Outage.Is(problem)) log.LogWarning("{What}: interrupted, and tried again: {Problem}", what, problem.Message);
            else log.LogError(problem, "{What}: failed, and tried again", what);
        }
    }
}
