using Microsoft.Extensions.Options;

namespace ConvexWeb.Server;

/// <summary>
/// Ends a process that was told to stop and cannot: the database's driver may wait for half a minute, and uninterruptibly, for a database
/// that is silent. Nothing is lost by it: what counts is in the database, or in journals that the next owner reads; and a supervisor would
/// end the process by force soon after.
/// </summary>
public sealed class StopWatchdog : IDisposable
{
    // Beyond what the host gives its services, for what it does before and after them.
    private static readonly TimeSpan Spare = TimeSpan.FromSeconds(4);

    private readonly ManualResetEventSlim ended = new();
    private CancellationTokenRegistration told;

    /// <summary>From the moment on in which the host is told to stop, until this is disposed of.</summary>
    public void Watch(IHost host)
    {
        var limit = host.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout + Spare;
        var log = host.Services.GetRequiredService<ILogger<StopWatchdog>>();

        // Not a thread of the pool, which may be those that wait.
        told = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping
            .Register(() => new Thread(() => Wait(limit, log)) { IsBackground = true, Name = "stop watchdog" }.Start());
    }

    // The event has no handle to be freed, and the thread may still look at it.
    public void Dispose()
    {
        told.Dispose();
        ended.Set();
    }

    private void Wait(TimeSpan limit, ILogger log)
    {
        if (ended.Wait(limit)) return;
        log.LogWarning("Not everything has stopped within {Limit} s, perhaps because the database is silent; the process ends now",
            limit.TotalSeconds);
        Environment.Exit(Environment.ExitCode);
    }
}
