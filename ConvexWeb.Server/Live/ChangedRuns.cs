using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Live;

/// <summary>Runs that are to be looked at: told by many, taken all at once by one.</summary>
internal sealed class ChangedRuns : IDisposable
{
    private readonly Lock gate = new();
    private readonly SemaphoreSlim signal = new(0);
    private HashSet<long> ids = [];

    public void Add(IEnumerable<long> runIds)
    {
        lock (gate)
        {
            ids.UnionWith(runIds);
            if (ids.Count > 0 && signal.CurrentCount == 0) signal.Release();
        }
    }

    /// <summary>Takes what a notification says, whose payload is the run's id.</summary>
    public Task TakeAsync(Notice notice, CancellationToken stop)
    {
        if (long.TryParse(notice.Payload, out var id)) Add([id]);
        return Task.CompletedTask;
    }

    /// <summary>Waits until there are some, and takes them.</summary>
    public async Task<IReadOnlyCollection<long>> NextAsync(CancellationToken stop)
    {
        await signal.WaitAsync(stop);
        lock (gate)
        {
            var taken = ids;
            ids = [];
            return taken;
        }
    }

    public void Dispose() => signal.Dispose();
}
