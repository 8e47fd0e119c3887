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

    /// <summary>So long its threads may take to end when nothing is in hand: they may be stuck in a database that is silent.</summary>
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(3);

    private readonly CancellationTokenSource stopping = new();
    private Task opening = Task.CompletedTask;
    private BackgroundJobServer? server;
    private bool isClosed, isDisposed;

    protected PostgreSqlStorage Storage => storage;

    /// <summary>Repeated until it is done: the database may be away.</summary>
    protected abstract Task PrepareAsync(CancellationToken stop);

    protected abstract BackgroundJobServerOptions Options();

    /// <summary>Until the work that its jobs have in hand has ended.</summary>
    protected virtual Task FinishAsync() => Task.CompletedTask;

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
        if (isDisposed) return; // a host may be stopped once more after its end
        await stopping.CancelAsync();
        await opening;
        if (server is null) return;
        server.SendStop();

        // The host's patience, or ours, may end before Hangfire's threads have: they end with the process.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var closed = server.WaitForShutdownAsync(patience.Token);
        await FinishAsync();
        patience.CancelAfter(Idle);
        await closed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        isClosed = closed.IsCompletedSuccessfully;
    }

    public void Dispose()
    {
        isDisposed = true;
        if (isClosed) server?.Dispose(); // else it would wait for its threads once more
        stopping.Dispose();
    }
}
