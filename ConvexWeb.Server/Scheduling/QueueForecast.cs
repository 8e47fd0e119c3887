namespace ConvexWeb.Server.Scheduling;

/// <summary>A worker that takes new items: its queues, and for each of its slots the seconds until it is free; null: not known.</summary>
public sealed record ForecastWorker(IReadOnlyCollection<string> Queues, IReadOnlyList<double?> Slots);

/// <summary>
/// An item that waits: its queue, whether something else than slots holds it back, and how long it takes; null: not known.
/// </summary>
public sealed record ForecastItem(long Id, string Queue, bool HeldBack, double? Seconds);

/// <summary>
/// When items that wait will start: in the order of the queue each takes the slot that is free first. Runs that are submitted, cancelled
/// or retried meanwhile change it, and what is held back by something else than slots has no time; it is an expectation, not a promise.
/// </summary>
public static class QueueForecast
{
    /// <param name="items">In the order of the queue.</param>
    /// <returns>Item → seconds until it starts; only those that can be told.</returns>
    public static IReadOnlyDictionary<long, double> Starts(IEnumerable<ForecastWorker> workers, IEnumerable<ForecastItem> items)
    {
        var slots = workers
            .SelectMany(worker => worker.Slots.Select(free => new Slot(worker.Queues, free ?? double.PositiveInfinity))).ToList();
        var starts = new Dictionary<long, double>();
        foreach (var item in items.Where(item => !item.HeldBack))
        {
            if (slots.Where(slot => slot.Queues.Contains(item.Queue)).MinBy(slot => slot.Free) is not { } slot) continue;
            if (double.IsPositiveInfinity(slot.Free)) continue;
            starts[item.Id] = slot.Free;
            slot.Free += item.Seconds ?? double.PositiveInfinity;
        }
        return starts;
    }

    private sealed class Slot(IReadOnlyCollection<string> queues, double free)
    {
        public IReadOnlyCollection<string> Queues => queues;
        public double Free { get; set; } = free;
    }
}
