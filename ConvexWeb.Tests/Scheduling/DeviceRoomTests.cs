using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>What a device has free: claim, tickets, reason and preemption agree on it.</summary>
public sealed class DeviceRoomTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private const string Shared = """[{"name": "cpu", "mb": 16000, "slots": 2, "own": false}]""";

    private async Task WorkerAsync(string name, int slots = 2, string lends = Shared, string devices = "[]") => await Database.ExecuteAsync(
        """
        insert into workers (name, host, machine, slots, queues, started_at, last_seen, lends, devices)
        values (@name, @name, @machine, @slots, 'cpu', now(), now() + interval '1 hour', @lends::jsonb, @devices::jsonb)
        """, new { name, machine = Machine.Id, slots, lends, devices });

    private Task<Assignment?> ClaimAsync(string worker, string device = "cpu", int memory = 16_000, string own = "")
        => new Leases(Database, new WorkerSettings { Name = worker, DeviceMemory = own }).ClaimAsync(["cpu"], device, memory);

    // A run of the lowest priority that has run for a while.
    private async Task<long> RunningAsync(string worker, int needs, string device = "cpu", int memory = 16_000, string own = "")
    {
        var run = await Database.AddRunAsync(priority: Priority.Lowest, memory: needs);
        var claimed = await ClaimAsync(worker, device, memory, own);
        Assert.Equal(run, claimed?.RunId);
        await Database.ExecuteAsync("update attempts set started_at = now() - interval '10 minutes' where item_id = @ItemId",
            new { claimed!.ItemId });
        return run;
    }

    private async Task<long> UrgentAsync(int needs)
    {
        var run = await Database.AddRunAsync(priority: Priority.Urgent, memory: needs);
        await Database.ExecuteAsync("update work_items set queued_at = now() - interval '1 minute' where run_id = @run", new { run });
        return run;
    }

    private async Task<long> TicketsAsync()
    {
        await new TicketOffice(Database, TicketStorage.Create(Database, []), TimeProvider.System, NullLogger<TicketOffice>.Instance)
            .PassAsync(default);
        return await Database.ScalarAsync<long>("select count(*) from hangfire.jobqueue where fetchedat is null");
    }

    private async Task<(WaitCode Code, string Words)> WhyAsync(long run)
    {
        var snapshot = await new WaitingItems(Database).ReadAsync([run], queue: null, most: 1, default);
        return snapshot.Why(Assert.Single(snapshot.Items), DateTimeOffset.UtcNow);
    }

    private async Task<IReadOnlyList<long>> YieldingAsync()
    {
        await new Preemption(Database, new WorkerSettings()).PassAsync(default);
        return await Database.RowsAsync<long>("select run_id from work_items where wish = 'yield'");
    }

    [Fact]
    public async Task Two_workers_of_a_host_share_a_device_and_what_one_has_there_is_not_free_for_the_other()
    {
        await WorkerAsync("w1");
        await WorkerAsync("w2");
        var low = await RunningAsync("w2", needs: 15_000);
        var urgent = await UrgentAsync(needs: 15_000);

        Assert.Null(await ClaimAsync("w1"));
        Assert.Equal(0, await TicketsAsync());
        var why = await WhyAsync(urgent);
        Assert.Equal(WaitCode.Memory, why.Code);
        Assert.Contains("has 1,000 MB free", why.Words, StringComparison.Ordinal);
        Assert.Equal([low], await YieldingAsync());

        await Database.ExecuteAsync("update work_items set state = 'Paused', wish = null where run_id = @low", new { low });
        Assert.Equal(1, await TicketsAsync());
        Assert.Equal(WaitCode.Next, (await WhyAsync(urgent)).Code);
        Assert.Empty(await YieldingAsync());
        Assert.Equal(urgent, (await ClaimAsync("w1"))?.RunId);
    }

    [Fact]
    public async Task Parts_that_the_settings_give_workers_of_a_host_are_not_shared()
    {
        const string part = """[{"name": "cpu", "mb": 8000, "slots": 2, "own": true}]""";
        await WorkerAsync("w1", lends: part);
        await WorkerAsync("w2", lends: part);
        await RunningAsync("w2", needs: 7000, memory: 8000, own: "cpu=8000");
        var urgent = await UrgentAsync(needs: 7000);

        Assert.Equal(1, await TicketsAsync());
        Assert.Equal(WaitCode.Next, (await WhyAsync(urgent)).Code);
        Assert.Empty(await YieldingAsync());
        Assert.Null(await ClaimAsync("w2", memory: 8000, own: "cpu=8000"));
        Assert.Equal(urgent, (await ClaimAsync("w1", memory: 8000, own: "cpu=8000"))?.RunId);
    }

    [Fact]
    public async Task A_free_slot_of_one_device_and_free_memory_of_another_are_no_place()
    {
        await WorkerAsync("w1", lends:
            """[{"name": "cuda:0", "mb": 2000, "slots": 1, "own": false}, {"name": "cuda:1", "mb": 20000, "slots": 1, "own": false}]""");
        var low = await RunningAsync("w1", needs: 1000, device: "cuda:1", memory: 20_000);
        var urgent = await UrgentAsync(needs: 5000);

        Assert.Null(await ClaimAsync("w1", "cuda:0", 2000));
        Assert.Equal(0, await TicketsAsync());
        var why = await WhyAsync(urgent);
        Assert.Equal(WaitCode.Memory, why.Code);
        Assert.Contains("has 2,000 MB free", why.Words, StringComparison.Ordinal);
        Assert.Equal([low], await YieldingAsync());
    }

    [Fact]
    public async Task There_are_no_more_tickets_than_free_slots_where_something_fits()
    {
        await WorkerAsync("w1", slots: 3, lends:
            """[{"name": "cuda:0", "mb": 2000, "slots": 2, "own": false}, {"name": "cuda:1", "mb": 20000, "slots": 1, "own": false}]""");
        for (var i = 0; i < 5; i++) await Database.AddRunAsync(memory: 5000);

        Assert.Equal(1, await TicketsAsync());
    }

    [Fact]
    public async Task What_other_programs_have_on_a_device_is_not_free_while_its_worker_says_so()
    {
        await WorkerAsync("w1", devices: """[{"name": "cpu", "memoryTotalMb": 18000, "memoryUsedMb": 13000, "forTrainersMb": 6000}]""");
        var low = await RunningAsync("w1", needs: 2000);
        var urgent = await UrgentAsync(needs: 5000);

        Assert.Null(await ClaimAsync("w1"));
        Assert.Equal(0, await TicketsAsync());
        var why = await WhyAsync(urgent);
        Assert.Equal(WaitCode.Memory, why.Code);
        Assert.Contains("has 4,000 MB free", why.Words, StringComparison.Ordinal);
        Assert.Equal([low], await YieldingAsync());

        // An old figure says nothing any more.
        await Database.ExecuteAsync("update workers set last_seen = now() - interval '1 hour'");
        Assert.Equal(urgent, (await ClaimAsync("w1"))?.RunId);
    }

    [Fact]
    public async Task What_is_not_known_to_need_memory_fits_where_none_is_left()
    {
        await WorkerAsync("w1", devices: """[{"name": "cpu", "forTrainersMb": 1000}]""");
        await RunningAsync("w1", needs: 1000);
        await Database.ExecuteAsync("update work_items set memory_mb = 3000");
        var run = await Database.AddRunAsync();

        Assert.Equal(1, await TicketsAsync());
        Assert.Equal(run, (await ClaimAsync("w1"))?.RunId);
    }
}
