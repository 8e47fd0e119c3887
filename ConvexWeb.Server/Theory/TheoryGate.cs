using ConvexWeb.Server.Http;

namespace ConvexWeb.Server.Theory;

/// <summary>
/// One computation at a time on a web node, on a thread of its own: however many are asked for, all cores but one and the threads of
/// the pool stay with the requests. A few others wait for a limited time; the rest get a 429.
/// </summary>
public sealed class TheoryGate(TimeProvider time) : IDisposable
{
    public const int MostWaiting = 4;

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim free = new(1);
    private int inside;

    /// <param name="work">Looks at the token every few milliseconds: who asked may be gone.</param>
    /// <exception cref="RefusedException">Too many wait already, or none of them ended in time.</exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, T> work, CancellationToken cancel)
    {
        try
        {
            if (Interlocked.Increment(ref inside) > MostWaiting + 1) throw Busy();
            await WaitAsync(cancel);
            try
            {
                return await Task.Factory.StartNew(() => work(cancel), cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
            finally
            {
                free.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref inside);
        }
    }

    public void Dispose() => free.Dispose();

    private async Task WaitAsync(CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(LongestWait, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, limit.Token);
        try
        {
            await free.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw Busy();
        }
    }

    private static RefusedException Busy() => new(
        StatusCodes.Status429TooManyRequests, "The server computes for others at the moment; try again in a few seconds.");
}
