using ConvexWeb.Server.Hosts;

namespace ConvexWeb.Server.Trainers;

/// <summary>
/// Ends a trainer that hangs: one that was stopped, or waits for a network drive that is gone. Its signs of life are lines, which it writes
/// with every line of its journal, and processor time of its process tree. A silent trainer computes, and one at a slow disk does so now
/// and then. A training on a GPU uses the processor too, to queue its kernels and, while it waits for them, to ask whether they are done.
/// The true trainer, waiting for a file, used no tick in 80 seconds. While a trainer is watched, it is also noted what leaves no trace at
/// its end.
/// </summary>
internal sealed class HangWatch : IAsyncDisposable
{
    // Less processor time than this share of the time is none: the runtime's own threads wake now and then.
    private const int LeastShare = 2000;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private readonly TrainerProcess trainer;
    private readonly TimeSpan limit;
    private readonly TimeProvider time;
    private readonly Func<int?>? deviceMemory;
    private readonly CancellationTokenSource over = new();
    private readonly Task watching;
    private volatile string? reason;

    private HangWatch(TrainerProcess trainer, TimeSpan limit, TimeProvider time, Func<int?>? deviceMemory)
    {
        (this.trainer, this.limit, this.time, this.deviceMemory) = (trainer, limit, time, deviceMemory);
        watching = WatchAsync();
    }

    /// <param name="limit">Without a sign of life for so long, the trainer is killed.</param>
    /// <param name="deviceMemory">Memory that it has on its device now, in MB.</param>
    public static HangWatch Over(TrainerProcess trainer, TimeSpan limit, TimeProvider time, Func<int?>? deviceMemory = null)
        => new(trainer, limit, time, deviceMemory);

    /// <summary>Why it was killed, for people; null when it was not, by this.</summary>
    public string? Reason => reason;

    public int? PeakDeviceMemoryMb { get; private set; }

    private async Task WatchAsync()
    {
        var interval = limit / 10 < Longest ? limit / 10 : Longest;
        using var timer = new PeriodicTimer(interval, time);
        var (lines, ticks, still, at) = (trainer.Lines, 0L, TimeSpan.Zero, time.GetTimestamp());
        Look();
        while (await NextAsync(timer) && !trainer.HasExited)
        {
            Look();

            // Not more than was watched: when this process stood still as well, with the whole machine perhaps, that says nothing.
            var elapsed = time.GetElapsedTime(at);
            at = time.GetTimestamp();
            still += elapsed < 2 * interval ? elapsed : 2 * interval;
            if (trainer.Lines is var said && said != lines || HasWorked(ticks, still, out ticks))
            {
                (lines, still) = (trainer.Lines, TimeSpan.Zero);
                continue;
            }
            if (still < limit) continue;
            reason = Reasons.OfHang(limit, ProcessStat.Of(trainer.Id)?.State ?? '?');
            trainer.Kill();
            return;
        }
    }

    /// <param name="ticks">At the last sign of life.</param>
    /// <param name="since">How long ago that was.</param>
    /// <param name="now">What to ask with next: the new ticks when this is a sign, and otherwise the old.</param>
    private bool HasWorked(long ticks, TimeSpan since, out long now)
    {
        var enough = Math.Max(1, since.TotalSeconds * ProcessStat.TicksPerSecond / LeastShare);

        // Mostly the trainer itself has worked; only when it has not, all processes are gone through for those that it started.
        now = ProcessStat.Of(trainer.Id)?.Ticks ?? 0;
        if (now - ticks >= enough) return true;
        now = ProcessStat.Tree(trainer.Id).Sum(process => process.Ticks);
        if (now - ticks >= enough) return true;
        now = Math.Min(now, ticks); // one that it started may have ended: then less is the new beginning
        return false;
    }

    private void Look()
    {
        trainer.Look();
        if (deviceMemory?.Invoke() is { } used) PeakDeviceMemoryMb = Math.Max(PeakDeviceMemoryMb ?? 0, used);
    }

    private async Task<bool> NextAsync(PeriodicTimer timer)
    {
        try
        {
            return await timer.WaitForNextTickAsync(over.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        await watching;
        over.Dispose();
    }
}
