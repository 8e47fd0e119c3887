using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Scheduling;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>Which runs make room.</summary>
public sealed class YieldingTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static PressingItem Pressing(
        long id, int memory = 0, Priority priority = Priority.Urgent, string queue = "cpu", long? userRoom = null, long? studyRoom = null)
        => new(id, queue, priority, memory, "ada", userRoom, Study: 1, studyRoom);

    private static RunningItem Running(
        long id, int memory = 0, Priority priority = Priority.Lowest, string device = "cpu", string worker = "w", int began = 0,
        bool leaves = false, bool mayYield = true)
        => new(id, worker, device, memory, priority, Start.AddMinutes(began), mayYield && !leaves, leaves);

    private static OpenWorker Worker(int slots, string name = "w", string queues = "cpu", int? mb = null, params string[] devices)
        => new(name, queues.Split(' '), slots, [.. (devices.Length > 0 ? devices : ["cpu"]).Select(device => new LentDevice(device, mb))]);

    [Fact]
    public void The_lowest_yields_and_of_equals_the_one_that_began_last()
        => Assert.Equal([3], Yielding.Choose(
            [Pressing(9)], [Worker(4)],
            [Running(1, priority: Priority.Low, began: 9), Running(2), Running(3, began: 5), Running(4, began: 6, mayYield: false)]));

    [Fact]
    public void One_yields_for_each_that_presses()
        => Assert.Equal([2, 1], Yielding.Choose(
            [Pressing(8), Pressing(9)], [Worker(2)], [Running(1, priority: Priority.Low), Running(2)]));

    [Fact]
    public void Nobody_yields_to_an_item_that_has_a_free_slot_or_one_that_is_being_left()
    {
        Assert.Empty(Yielding.Choose([Pressing(9)], [Worker(2)], [Running(1)]));
        Assert.Empty(Yielding.Choose([Pressing(9)], [Worker(2)], [Running(1), Running(2, priority: Priority.High, leaves: true)]));
        Assert.Equal([1], Yielding.Choose([Pressing(8), Pressing(9)], [Worker(2)], [Running(1), Running(2, leaves: true)]));
    }

    [Fact]
    public void One_yields_where_that_makes_enough_room_and_nobody_where_it_would_not()
    {
        var running = new[] { Running(1, memory: 1000), Running(2, memory: 3000, priority: Priority.Low), Running(3, memory: 3000,
            priority: Priority.Normal) };

        Assert.Equal([2], Yielding.Choose([Pressing(9, memory: 3500)], [Worker(3, mb: 8000)], running));
        Assert.Empty(Yielding.Choose([Pressing(9, memory: 5000)], [Worker(3, mb: 8000)], running));
    }

    [Fact]
    public void A_free_slot_of_a_full_device_is_none_and_that_of_another_device_is_one()
    {
        var running = new[] { Running(1, memory: 6000, device: "cuda:0") };
        Assert.Equal([1], Yielding.Choose([Pressing(9, memory: 4000)], [Worker(2, mb: 8000, devices: "cuda:0")], running));
        Assert.Empty(Yielding.Choose([Pressing(9, memory: 4000)], [Worker(2, mb: 8000, devices: ["cuda:0", "cuda:1"])], running));
    }

    [Fact]
    public void Only_runs_on_workers_of_the_items_queue_yield_whatever_queue_they_came_by()
    {
        var running = new[] { Running(1, worker: "a"), Running(2, worker: "b", priority: Priority.Low) };
        var workers = new[] { Worker(1, "a"), Worker(1, "b", "gpu cpu") };

        Assert.Equal([2], Yielding.Choose([Pressing(9, queue: "gpu")], workers, running));
        Assert.Empty(Yielding.Choose([Pressing(9, queue: "tpu")], workers, running));
    }

    [Fact]
    public void Of_a_user_or_a_study_no_more_press_than_may_run()
    {
        var running = new[] { Running(1), Running(2), Running(3) };

        Assert.Single(Yielding.Choose([Pressing(8, userRoom: 1), Pressing(9, userRoom: 1)], [Worker(3)], running));
        Assert.Equal(2, Yielding.Choose([Pressing(7, studyRoom: 2), Pressing(8, studyRoom: 2), Pressing(9, studyRoom: 2)], [Worker(3)],
            running).Count);
    }

    [Fact]
    public void It_must_be_two_levels_lower()
        => Assert.Empty(Yielding.Choose([Pressing(9, priority: Priority.High)], [Worker(1)], [Running(1, priority: Priority.Normal)]));
}
