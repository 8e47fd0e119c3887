using ConvexWeb.Server.Leasing;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>In which order items that wait are expected to start, and when.</summary>
public sealed class QueueSimulationTests
{
    private static DeviceRoom Worker(string name, int free, string queues = "cpu", int? mb = null, string device = "cpu", bool own = false)
        => new()
        {
            Worker = name, Host = "h", Queues = queues.Split(' '), Device = device, Mb = mb, Own = own, FreeSlots = free,
            FreeMb = mb ?? int.MaxValue,
        };

    private static QueuedWork Item(
        long id, double? seconds = 10, string queue = "cpu", string user = "ada", int priority = 3, int memory = 0, long? study = 1,
        double? delay = null)
        => new()
        {
            Id = id, RunId = id, Trains = true, Queue = queue, CreatedBy = user, Priority = priority, IsNew = true, MemoryMb = memory,
            Study = study, Delay = delay, Seconds = seconds,
        };

    private static RunningWork Running(double? seconds, string worker = "w", int memory = 0, string user = "zoe", long? study = null)
        => new(worker, "h", "cpu", user, study, memory, seconds);

    private static QueueState State(DeviceRoom[] rooms, RunningWork[] running, params QueuedWork[] waiting) => new(
        waiting, running,
        [
            .. waiting.Select(item => item.CreatedBy).Distinct()
                .Select(user => new QueueUser(user, 1, running.Count(item => item.CreatedBy == user), null, null)),
        ],
        new Dictionary<long, int>(), rooms);

    private static IReadOnlyList<(long Id, double? Seconds)> Turns(QueueState state)
        => [.. QueueSimulation.Of(state).Select(turn => (turn.Item.Id, turn.Seconds))];

    [Fact]
    public void Each_takes_the_slot_that_is_free_first()
        => Assert.Equal([(1, 0), (2, 4), (3, 6), (4, 7)], Turns(State(
            [Worker("w", 1), Worker("v", 0)], [Running(4), Running(7, "v")],
            Item(1, 10), Item(2, 2), Item(3, 1), Item(4, 1))));

    [Fact]
    public void One_slot_is_given_across_the_queues_of_its_worker_and_what_others_serve_does_not_matter()
        => Assert.Equal([(4, 0), (1, 10), (2, 20), (5, 25), (3, null)], Turns(State(
            [Worker("w", 1, "cpu w"), Worker("v", 0, "gpu")], [Running(25, "v")],
            Item(1), Item(2, queue: "w"), Item(3, queue: "tpu"), Item(4, queue: "w", priority: 4), Item(5, queue: "gpu"))));

    [Fact]
    public void Behind_what_takes_nobody_knows_how_long_the_order_is_told_and_no_time()
    {
        Assert.Equal([(1, 3), (2, null)], Turns(State([Worker("w", 0), Worker("v", 0)], [Running(3), Running(null, "v")],
            Item(1, null), Item(2))));
        Assert.Equal([(1, 3), (2, 13), (3, 23)], Turns(State([Worker("w", 0), Worker("v", 0)], [Running(3), Running(null, "v")],
            Item(1), Item(2), Item(3))));
    }

    [Fact]
    public void A_limit_of_the_study_or_the_user_makes_one_start_when_the_other_has_ended()
    {
        var state = State([Worker("w", 3)], [], Item(1), Item(2), Item(3), Item(4, user: "bob", study: 2));

        Assert.Equal([(1, 0), (4, 0), (2, 10), (3, 20)], Turns(state with { StudyLimits = new Dictionary<long, int> { [1] = 1 } }));
        Assert.Equal([(1, 0), (4, 0), (2, 0), (3, 10)], Turns(state with { StudyLimits = new Dictionary<long, int> { [1] = 2 } }));
        Assert.Equal([(1, 0), (4, 0), (2, 10), (3, 20)], Turns(state with
        {
            Users = [.. state.Users.Select(user => user with { Most = 1 })],
        }));
    }

    [Fact]
    public void Small_ones_pass_a_big_one_that_starts_when_there_is_room_for_it()
        => Assert.Equal([(2, 0), (3, 2), (1, 5)], Turns(State(
            [Worker("w", 1, mb: 8000) with { FreeMb = 3000 }], [Running(5, memory: 5000)],
            Item(1, 10, memory: 6000), Item(2, 2, memory: 3000), Item(3, 2, memory: 3000))));

    [Fact]
    public void Memory_that_workers_of_a_host_share_is_given_once_and_parts_of_their_own_are_not_shared()
    {
        DeviceRoom[] rooms = [Worker("v", 1, mb: 8000), Worker("w", 1, mb: 8000)];
        QueuedWork[] items = [Item(1, memory: 5000), Item(2, memory: 5000)];

        Assert.Equal([(1, 0), (2, 10)], Turns(State(rooms, [], items)));
        Assert.Equal([(1, 0), (2, 0)], Turns(State([.. rooms.Select(room => room with { Own = true })], [], items)));
    }

    [Fact]
    public void A_retry_starts_when_its_time_has_come_and_what_can_start_nowhere_is_last()
        => Assert.Equal([(2, 0), (4, 10), (3, 40), (1, null)], Turns(State(
            [Worker("w", 1, mb: 8000)], [], Item(1, memory: 9000, priority: 5), Item(2), Item(3, delay: 40, priority: 4), Item(4))));

    [Fact]
    public void While_the_lab_is_closed_the_order_is_told_and_no_time()
        => Assert.Equal([(2, null), (1, null)], Turns(State([Worker("w", 2)], [], Item(1), Item(2, priority: 4)) with { IsClosed = true }));
}
