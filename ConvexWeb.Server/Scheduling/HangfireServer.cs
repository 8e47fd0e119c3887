using ConvexWeb.Server.Persistence;
using Hangfire;
using Hangfire.PostgreSql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>A server of Hangfire in this node, which opens when what it needs is ready.</summary>
/// <param name="what">What is made ready, for the log.</param>
internal abstract class HangfireServer(PostgreSqlStorage storage, ServiceLoop loop, string what) : IHostedService, IDisposable
{
    /// <summary>
    /// After so long Hangfire takes a server that says nothing for dead. Each server judges all of them, so it is one time; shorter, an
    /// outage of that length would stop trainings.
    /// </summary>
    protected static readonly TimeSpan Silence = TimeSpan.FromHours(24);

    private readonly CancellationTokenSource stopping = new();
    private Task opening = Task.CompletedTask;
    private BackgroundJobServer? server;

    protected PostgreSqlStorage Storage => storage;

    /// <summary>Repeated until it is done: the database may be away.</summary>
    protected abstract Task PrepareAsync(CancellationToken stop);

    protected abstract BackgroundJobServerOptions Options();

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // Hangfire's calls block.
        opening = Task.Run(() => OpenAsync(stopping.Token), CancellationToken.None);
        return Task.CompletedTask;
    }

    private async Task OpenAsync(CancellationToken stop)
    {
        await loop.RunAsync(what, PrepareAsync, stop);
        if (stop.IsCancellationRequested) return;
        server = new BackgroundJobServer(Options(), storage);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        await opening;
        if (server is null) return;
        server.SendStop();

        // The host's patience may end before Hangfire's threads have: they end with the process.
        await server.WaitForShutdownAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose()
    {
        server?.Dispose();
        stopping.Dispose();
    }
}
