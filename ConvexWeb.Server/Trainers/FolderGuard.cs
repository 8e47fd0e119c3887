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
        => WaitAsync(Task.Run(call, CancellationToken.None), untilStop, settings.HangLimit);

    /// <summary>
    /// As <see cref="CallAsync"/>, for what takes long and tells now and then that it goes on; there it ends too when the attempt does.
    /// </summary>
    /// <param name="late">Gets an answer that comes after this was given up.</param>
    public async Task<T> CallLongAsync<T>(Func<Action, T> call, bool untilStop = false, Func<T, ValueTask>? late = null)
    {
        var told = time.GetTimestamp();
        var isGivenUp = false;
        var begun = Task.Run(
            () => call(() =>
            {
                // When a drive comes back, long after.
                if (Volatile.Read(ref isGivenUp)) throw new OperationCanceledException();
                signals.Fence.ThrowIfCancellationRequested();
                if (untilStop) signals.Stop.ThrowIfCancellationRequested();
                Volatile.Write(ref told, time.GetTimestamp());
            }),
            CancellationToken.None);
        try
        {
            while (true)
            {
                try
                {
                    return await WaitAsync(begun, untilStop, settings.HangLimit - time.GetElapsedTime(Volatile.Read(ref told)));
                }
                catch (FolderSilentException) when (time.GetElapsedTime(Volatile.Read(ref told)) < settings.HangLimit)
                {
                    // It went on meanwhile.
                }
            }
        }
        catch (Exception problem) when (problem is FolderSilentException or OperationCanceledException)
        {
            Volatile.Write(ref isGivenUp, true);
            _ = TakeLateAsync(begun, late);
            throw;
        }
    }

    private async Task<T> WaitAsync<T>(Task<T> begun, bool untilStop, TimeSpan limit)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(
            signals.Fence, untilStop ? signals.Stop : CancellationToken.None);
        try
        {
            return await begun.WaitAsync(limit > TimeSpan.Zero ? limit : TimeSpan.Zero, time, either.Token);
        }
        catch (TimeoutException)
        {
            throw new FolderSilentException($"It did not answer for {settings.HangLimit.TotalSeconds:0} seconds.");
        }
    }

    private static async Task TakeLateAsync<T>(Task<T> begun, Func<T, ValueTask>? late)
    {
        try
        {
            var answer = await begun;
            if (late is not null) await late(answer);
        }
        catch (Exception)
        {
            // It was given up.
        }
    }
}

/// <summary>The data folder did not answer; nothing more is asked of it.</summary>
internal sealed class FolderSilentException(string message) : IOException(message);
