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
        => new(id, worker, "h", device, memory, priority, Start.AddMinutes(began), mayYield && !leaves, leaves);

    // With nothing on it; slots go round the devices.
    private static DeviceRoom[] Worker(int slots, string name = "w", string queues = "cpu", int? mb = null, params string[] devices)
    {
        string[] all = devices.Length > 0 ? devices : ["cpu"];
        return [.. all.Select((device, index) => new DeviceRoom
        {
            Worker = name,
            Host = "h",
            Queues = queues.Split(' '),
            Device = device,
            Mb = mb,
            FreeSlots = slots / all.Length + (index < slots % all.Length ? 1 : 0),
            FreeMb = mb ?? int.MaxValue,
        })];
    }

    private static IReadOnlyList<long> Choose(PressingItem[] pressing, DeviceRoom[][] workers, RunningItem[] running)
        => Yielding.Choose(pressing, workers.SelectMany(worker => worker).Select(room => room with
        {
            FreeSlots = room.FreeSlots - running.Count(item => item.Worker == room.Worker && item.Device == room.Device),
            FreeMb = room.FreeMb - running.Where(item => Rooms.Shares(room, item.Worker, item.Host, item.Device))
                .Sum(item => (long)item.MemoryMb),
        }), running);

    [Fact]
    public void The_lowest_yields_and_of_equals_the_one_that_began_last()
        => Assert.Equal([3], Choose(
            [Pressing(9)], [Worker(4)],
            [Running(1, priority: Priority.Low, began: 9), Running(2), Running(3, began: 5), Running(4, began: 6, mayYield: false)]));

    [Fact]
    public void One_yields_for_each_that_presses()
        => Assert.Equal([2, 1], Choose(
            [Pressing(8), Pressing(9)], [Worker(2)], [Running(1, priority: Priority.Low), Running(2)]));

    [Fact]
    public void Nobody_yields_to_an_item_that_has_a_free_slot_or_one_that_is_being_left()
    {
        Assert.Empty(Choose([Pressing(9)], [Worker(2)], [Running(1)]));
        Assert.Empty(Choose([Pressing(9)], [Worker(2)], [Running(1), Running(2, priority: Priority.High, leaves: true)]));
        Assert.Equal([1], Choose([Pressing(8), Pressing(9)], [Worker(2)], [Running(1), Running(2, leaves: true)]));
    }

    [Fact]
    public void One_yields_where_that_makes_enough_room_and_nobody_where_it_would_not()
    {
        var running = new[] { Running(1, memory: 1000), Running(2, memory: 3000, priority: Priority.Low), Running(3, memory: 3000,
            priority: Priority.Normal) };

        Assert.Equal([2], Choose([Pressing(9, memory: 3500)], [Worker(3, mb: 8000)], running));
        Assert.Empty(Choose([Pressing(9, memory: 5000)], [Worker(3, mb: 8000)], running));
    }

    [Fact]
    public void A_free_slot_of_a_full_device_is_none_and_that_of_another_device_is_one()
    {
        var running = new[] { Running(1, memory: 6000, device: "cuda:0") };
        Assert.Equal([1], Choose([Pressing(9, memory: 4000)], [Worker(2, mb: 8000, devices: "cuda:0")], running));
        Assert.Empty(Choose([Pressing(9, memory: 4000)], [Worker(2, mb: 8000, devices: ["cuda:0", "cuda:1"])], running));
    }

    [Fact]
    public void Only_runs_on_workers_of_the_items_queue_yield_whatever_queue_they_came_by()
    {
        var running = new[] { Running(1, worker: "a"), Running(2, worker: "b", priority: Priority.Low) };
        var workers = new[] { Worker(1, "a"), Worker(1, "b", "gpu cpu") };

        Assert.Equal([2], Choose([Pressing(9, queue: "gpu")], workers, running));
        Assert.Empty(Choose([Pressing(9, queue: "tpu")], workers, running));
    }

    [Fact]
    public void Of_a_user_or_a_study_no_more_press_than_may_run()
    {
        var running = new[] { Running(1), Running(2), Running(3) };

        Assert.Single(Choose([Pressing(8, userRoom: 1), Pressing(9, userRoom: 1)], [Worker(3)], running));
        Assert.Equal(2, Choose([Pressing(7, studyRoom: 2), Pressing(8, studyRoom: 2), Pressing(9, studyRoom: 2)], [Worker(3)],
            running).Count);
    }

    [Fact]
    public void It_must_be_two_levels_lower()
        => Assert.Empty(Choose([Pressing(9, priority: Priority.High)], [Worker(1)], [Running(1, priority: Priority.Normal)]));

    [Fact]
    public void What_another_worker_of_the_host_has_on_a_device_is_not_free_and_makes_room_when_it_yields()
    {
        var running = new[] { Running(1, memory: 15_000, worker: "b") };
        var workers = new[] { Worker(2, "a", mb: 20_000), Worker(2, "b", "elsewhere", mb: 20_000) };

        Assert.Equal([1], Choose([Pressing(9, memory: 15_000)], workers, running));
        Assert.Empty(Choose([Pressing(9, memory: 5000)], workers, running));
        DeviceRoom[] own = [.. workers[0].Select(room => room with { Own = true })];
        Assert.Empty(Choose([Pressing(9, memory: 15_000)], [own, workers[1]], running));
    }

    [Fact]
    public void Only_one_gets_what_two_workers_share()
        => Assert.Equal([1], Choose(
            [Pressing(8, memory: 5000), Pressing(9, memory: 5000)],
            [Worker(2, "a", mb: 8000), Worker(2, "b", mb: 8000)],
            [Running(1, memory: 5000, worker: "b")]));

    [Fact]
    public void A_slot_of_one_device_and_the_memory_of_another_are_no_place()
        => Assert.Equal([2], Choose(
            [Pressing(9, memory: 5000)], [Worker(2, mb: 8000, devices: "cuda:0"), Worker(1, "v", mb: 20_000)],
            [Running(1, memory: 6000, device: "cuda:0", priority: Priority.High), Running(2, memory: 1000, worker: "v")]));
}
