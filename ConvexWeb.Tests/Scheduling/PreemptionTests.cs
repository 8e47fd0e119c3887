using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>An urgent item that finds no slot takes that of a lower one, which goes on later from its checkpoint.</summary>
public sealed class PreemptionTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private Task PassAsync() => new Preemption(Database, new WorkerSettings { PreemptAfter = TimeSpan.FromSeconds(10) }).PassAsync(default);

    private Task WorkerAsync(int slots) => Database.ExecuteAsync(
        """
        insert into workers (name, host, slots, queues, started_at, last_seen, lends)
        values ('w', 'h', @slots, 'cpu', now(), now(), '[{"name": "cpu", "mb": null}]')
        """, new { slots });

    private async Task<long> RunningAsync(Priority priority, int beganSecondsAgo = 100)
    {
        var run = await Database.AddRunAsync(priority: priority);
        var claimed = (await new Leases(Database, new WorkerSettings { Name = "w" }).ClaimAsync(["cpu"]))!;
        Assert.Equal(run, claimed.RunId);
        await Database.ExecuteAsync(
            "update attempts set started_at = now() - make_interval(secs => @beganSecondsAgo) where item_id = @ItemId",
            new { beganSecondsAgo, claimed.ItemId });
        return run;
    }

    private async Task<long> WaitingAsync(Priority priority, int secondsAgo = 60)
    {
        var run = await Database.AddRunAsync(priority: priority);
        await Database.ExecuteAsync("update work_items set queued_at = now() - make_interval(secs => @secondsAgo) where run_id = @run",
            new { secondsAgo, run });
        return run;
    }

    private Task<IReadOnlyList<long>> YieldingAsync()
        => Database.RowsAsync<long>("select run_id from work_items where wish = 'yield' order by run_id");

    [Fact]
    public async Task The_lowest_yields_and_of_equals_the_one_that_began_last_and_each_pass_asks_for_no_more_than_is_missing()
    {
        await WorkerAsync(slots: 3);
        await RunningAsync(Priority.Normal);
        await RunningAsync(Priority.Lowest, beganSecondsAgo: 500);
        var last = await RunningAsync(Priority.Lowest, beganSecondsAgo: 50);
        await WaitingAsync(Priority.Urgent);

        for (var pass = 0; pass < 3; pass++) await PassAsync();

        Assert.Equal([last], await YieldingAsync());
    }

    [Theory]
    [InlineData(Priority.High, Priority.Normal, 60, 100)] // only a level below
    [InlineData(Priority.Normal, Priority.Lowest, 60, 100)] // normal does not press
    [InlineData(Priority.Urgent, Priority.Lowest, 3, 100)] // has not waited long
    [InlineData(Priority.Urgent, Priority.Lowest, 60, 3)] // has just begun
    public async Task Nothing_yields_without_need(Priority waits, Priority runs, int waited, int ran)
    {
        await WorkerAsync(slots: 1);
        await RunningAsync(runs, ran);
        await WaitingAsync(waits, waited);

        await PassAsync();

        Assert.Empty(await YieldingAsync());
    }

    [Fact]
    public async Task A_user_that_has_reached_the_limit_makes_nothing_yield()
    {
        await WorkerAsync(slots: 1);
        await RunningAsync(Priority.Lowest);
        await WaitingAsync(Priority.Urgent);
        await Database.ExecuteAsync("update lab set user_running = 1");

        await PassAsync();

        Assert.Empty(await YieldingAsync());
    }

    [Fact]
    public async Task What_yields_stops_with_a_checkpoint_and_goes_on_from_it_when_the_urgent_one_has_ended()
    {
        await using var node = await StartNodeAsync(("Convex:Worker:PreemptAfter", "00:00:00.2"));
        var low = await node.SubmitAsync("""{"steps":400,"every":1000,"pause":0.02}""", Priority.Low);
        await Database.UntilAsync("select step >= 30 from runs where id = @low", new { low });

        var urgent = await node.SubmitAsync("""{"steps":5}""", Priority.Urgent);
        await Database.UntilAsync(urgent, RunState.Succeeded);
        await Database.UntilAsync(low, RunState.Succeeded);

        Assert.Equal("yielded,succeeded", await Database.OutcomesAsync(low));
        Assert.True(await Database.ScalarAsync<long>("select resumed_step from journals where run_id = @low and attempt = 2",
            new { low }) >= 30);
        await Database.AssertWholeAsync(low, 400);
    }
}
