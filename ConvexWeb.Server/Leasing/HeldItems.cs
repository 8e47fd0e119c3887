using System.Collections.Concurrent;

namespace ConvexWeb.Server.Leasing;

/// <summary>The items in this process's hands: whose leases are renewed, and whom a wish that arrives here reaches at once.</summary>
public sealed class HeldItems(WorkerSettings settings, TimeProvider time)
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<Assignment, HeldItem> items = new();

    public IReadOnlyList<Assignment> All => [.. items.Keys];

    /// <summary>Until none is in hand, or for as long as a node that stops can wait: what keeps its items goes on until then.</summary>
    public async Task EmptyAsync()
    {
        var begun = time.GetTimestamp();
        while (!items.IsEmpty && time.GetElapsedTime(begun) < settings.StopLimit) await Task.Delay(Glance, time);
    }

    /// <summary>From here to its disposal the item's lease is renewed.</summary>
    public HeldItem Hold(Assignment assignment)
    {
        var held = new HeldItem(() => items.TryRemove(assignment, out _));
        return items.TryAdd(assignment, held) ? held : throw new InvalidOperationException($"{assignment.Name} is in hand already.");
    }

    /// <summary>It is to stop: cancelled, paused, or to make room.</summary>
    public void Stop(long itemId)
    {
        foreach (var (assignment, held) in items)
            if (assignment.ItemId == itemId) held.Stop();
    }

    /// <summary>It is another's by now.</summary>
    public void Fence(Assignment assignment)
    {
        if (items.TryGetValue(assignment, out var held)) held.Fence();
    }
}

/// <summary>An item in hand.</summary>
public sealed class HeldItem(Action release) : IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly CancellationTokenSource fence = new();

    /// <summary>Cancelled when the item is to stop with a checkpoint.</summary>
    public CancellationToken Stopped => stop.Token;

    /// <summary>Cancelled when the item is another's: nothing of this attempt counts any more.</summary>
    public CancellationToken Fenced => fence.Token;

    public void Stop() => _ = CancelAsync(stop);
    public void Fence() => _ = CancelAsync(fence);

    public void Dispose()
    {
        release();
        stop.Dispose();
        fence.Dispose();
    }

    private static async Task CancelAsync(CancellationTokenSource source)
    {
        try
        {
            await source.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The item ended in this moment.
        }
    }
}
