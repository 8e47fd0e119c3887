using ConvexWeb.Server.Leasing;

namespace ConvexWeb.Tests.Support;

/// <summary>Counts what it is told, for tests of what stands before the queue.</summary>
public sealed class RecordingQueue : IWorkQueue
{
    private int announced;

    public int Announced => announced;

    public Task AnnounceAsync(CancellationToken cancel = default)
    {
        Interlocked.Increment(ref announced);
        return Task.CompletedTask;
    }
}
