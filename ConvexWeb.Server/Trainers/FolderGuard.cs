using ConvexWeb.Server.Leasing;

namespace ConvexWeb.Server.Trainers;

/// <summary>
/// Calls of this worker to the data folder, which may be a network drive that does not answer: none of them can be ended, so after a while
/// it is left behind with its thread, and the attempt ends.
/// </summary>
internal sealed class FolderGuard(WorkerSettings settings, TimeProvider time, AttemptSignals signals)
{
    /// <param name="untilStop">Whether it also ends when the attempt is to stop.</param>
    /// <exception cref="FolderSilentException">The folder did not answer.</exception>
    public Task<T> CallAsync<T>(Func<T> call, bool untilStop = false)
        => WaitAsync(Task.Run(call, CancellationToken.None), untilStop);

    /// <summary>As <see cref="CallAsync"/>, for what has begun already.</summary>
    public async Task<T> WaitAsync<T>(Task<T> begun, bool untilStop = false)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(
            signals.Fence, untilStop ? signals.Stop : CancellationToken.None);
        try
        {
            return await begun.WaitAsync(settings.HangLimit, time, either.Token);
        }
        catch (TimeoutException)
        {
            throw new FolderSilentException($"It did not answer for {settings.HangLimit.TotalSeconds:0} seconds.");
        }
    }
}

/// <summary>The data folder did not answer; nothing more is asked of it.</summary>
internal sealed class FolderSilentException(string message) : IOException(message);
