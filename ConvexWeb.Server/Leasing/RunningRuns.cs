using System.Collections.Concurrent;

namespace ConvexWeb.Server.Leasing;

/// <summary>The runs in this process's hands, so that a cancellation that arrives here reaches them at once.</summary>
public sealed class RunningRuns
{
    private readonly ConcurrentDictionary<long, CancellationTokenSource> runs = new();

    public IReadOnlyCollection<long> Ids => [.. runs.Keys];

    /// <summary>Registers a run; null when it is in hand already, which a queue that delivers twice brings about.</summary>
    public IDisposable? TryEnter(long runId, out CancellationToken cancelled)
    {
        var source = new CancellationTokenSource();
        cancelled = source.Token;
        if (runs.TryAdd(runId, source)) return new Registration(this, runId, source);
        source.Dispose();
        return null;
    }

    public void Cancel(long runId)
    {
        if (runs.TryGetValue(runId, out var source)) _ = CancelAsync(source);
    }

    private static async Task CancelAsync(CancellationTokenSource source)
    {
        try
        {
            await source.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The run ended in this moment.
        }
    }

    private sealed class Registration(RunningRuns owner, long runId, CancellationTokenSource source) : IDisposable
    {
        public void Dispose()
        {
            owner.runs.TryRemove(runId, out _);
            source.Dispose();
        }
    }
}
