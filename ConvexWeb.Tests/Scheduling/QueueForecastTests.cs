using ConvexWeb.Server.Scheduling;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>When items that wait are expected to start.</summary>
public sealed class QueueForecastTests
{
    private static ForecastWorker Worker(string queues, params double?[] slots) => new(queues.Split(' '), slots);

    private static ForecastItem Item(long id, double? seconds = 10, string queue = "cpu", bool held = false)
        => new(id, queue, held, seconds);

    [Fact]
    public void Each_takes_the_slot_that_is_free_first()
    {
        var starts = QueueForecast.Starts([Worker("cpu", 0, 4), Worker("cpu", 7)], [Item(1, 10), Item(2, 2), Item(3, 1), Item(4, 1)]);

        Assert.Equal([(1, 0), (2, 4), (3, 6), (4, 7)], starts.OrderBy(start => start.Key).Select(start => (start.Key, start.Value)));
    }

    [Fact]
    public void A_worker_of_two_queues_is_taken_by_either_and_others_do_not_matter()
    {
        var starts = QueueForecast.Starts([Worker("gpu cpu", 0), Worker("gpu", 5)], [Item(1, 20), Item(2, 1, "gpu"), Item(3, 1, "tpu")]);

        Assert.Equal(new Dictionary<long, double> { [1] = 0, [2] = 5 }, starts);
    }

    [Fact]
    public void What_is_held_back_takes_no_slot_and_behind_what_is_not_known_nothing_is_told()
    {
        var starts = QueueForecast.Starts(
            [Worker("cpu", 3), Worker("cpu", (double?)null)], [Item(1, held: true), Item(2, null), Item(3)]);

        Assert.Equal(new Dictionary<long, double> { [2] = 3 }, starts);
    }
}
