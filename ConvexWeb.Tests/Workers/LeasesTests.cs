using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

public sealed class LeasesTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private Leases Leases(double seconds = 60, string name = "a")
        => new(Database, new WorkerSettings { Name = name, Lease = TimeSpan.FromSeconds(seconds) });

    private Task<Assignment?> ClaimAsync(string name = "a") => Leases(name: name).ClaimAsync(["cpu"]);

    [Fact]
    public async Task Of_many_that_reach_for_a_run_one_gets_it()
    {
        await Database.AddRunAsync();

        var claims = await Task.WhenAll(Enumerable.Range(0, 16).Select(place => ClaimAsync($"w{place}")));

        Assert.Equal(1, Assert.Single(claims, claim => claim is not null)!.Attempt);
        Assert.Equal(1, await Database.ScalarAsync<long>("select count(*) from attempts"));
    }

    [Fact]
    public async Task Many_claims_at_once_take_each_run_once()
    {
        for (var i = 0; i < 12; i++) await Database.AddRunAsync();

        var claims = await Task.WhenAll(Enumerable.Range(0, 16).Select(place => ClaimAsync($"w{place}")));

        Assert.Equal(12, claims.Where(claim => claim is not null).Select(claim => claim!.RunId).Distinct().Count());
        Assert.Equal(4, claims.Count(claim => claim is null));
    }

    [Fact]
    public async Task An_abandoned_run_is_taken_once_it_is_queued_again()
    {
        var run = await Database.AddRunAsync();
        var dead = await Database.ClaimAsync(run, seconds: -1);
        Assert.Null(await ClaimAsync());

        var next = await Database.ClaimAsync(run);

        Assert.Equal(2, next.Attempt);
        Assert.Null(await Leases().RenewAsync(dead));
        Assert.Equal("lost,-", await Database.OutcomesAsync(run));
    }

    [Fact]
    public async Task A_run_whose_lease_holds_is_not_released()
    {
        var run = await Database.AddRunAsync();
        await Database.ClaimAsync(run);

        await Assert.ThrowsAnyAsync<Exception>(() => Database.ClaimAsync(run));
        Assert.Equal("Running", await Database.StateAsync(run));
    }

    [Fact]
    public async Task An_owner_whose_lease_ran_out_has_it_again_when_nobody_was_there()
    {
        var owner = await Database.ClaimAsync(await Database.AddRunAsync(), seconds: -1);

        Assert.Equal(false, await Leases().RenewAsync(owner));
        Assert.Null(await ClaimAsync());
    }

    [Fact]
    public async Task A_worker_finds_what_it_left_and_takes_back_what_is_over()
    {
        var run = await Database.AddRunAsync();
        await Database.ClaimAsync(run, seconds: 0.5, worker: "a");
        Assert.Equal((1L, 0L), (await Leases(name: "a").LeftBehindAsync(), await Leases(name: "b").LeftBehindAsync()));
        Assert.Equal(0, await Leases(name: "a").TakeBackAsync());

        await Database.UntilAsync("select lease_until < now() from attempts");

        Assert.Equal(0, await Leases(name: "b").TakeBackAsync());
        Assert.Equal(1, await Leases(name: "a").TakeBackAsync());
        Assert.Equal("Queued", await Database.StateAsync(run));
    }

    [Fact]
    public async Task An_attempt_that_was_superseded_can_end_nothing()
    {
        var run = await Database.AddRunAsync();
        var zombie = await Database.ClaimAsync(run, seconds: -1);
        await Database.ClaimAsync(run);

        Assert.Null(await Leases().EndAsync(zombie, RunState.Failed, Outcome.Failed, "I think"));
        Assert.Null(await Leases().RetryAsync(zombie, "I think"));
        Assert.Equal("Running", await Database.StateAsync(run));
    }

    [Fact]
    public async Task A_run_that_is_handed_back_while_somebody_cancels_it_is_cancelled()
    {
        var run = await Database.AddRunAsync();
        var owner = await Database.ClaimAsync(run);
        await Database.ScalarAsync<int>("update runs set cancel_requested_at = now() where id = @run returning 1", new { run });

        Assert.Equal(true, await Leases().RenewAsync(owner));
        Assert.Equal(RunState.Cancelled, await Leases().EndAsync(owner, RunState.Queued, Outcome.Stopped, null));
        Assert.Equal("cancelled", await Database.OutcomesAsync(run));
        Assert.Null(await ClaimAsync());
    }

    [Fact]
    public async Task A_run_whose_trainer_dies_again_and_again_fails_with_the_reason()
    {
        var run = await Database.AddRunAsync();
        var owner = await ClaimAsync();
        for (var deaths = 1; deaths < Server.Leasing.Leases.MostDeaths; deaths++) owner = await Leases().RetryAsync(owner!, "Signal 9.");

        Assert.Equal(5, owner!.Attempt);
        Assert.Null(await Leases().RetryAsync(owner, "Signal 9."));
        Assert.Equal("Failed", await Database.StateAsync(run));
        Assert.Equal(
            "The trainer died 5 times without a new checkpoint. Signal 9.",
            await Database.ScalarAsync<string>("select reason from runs"));
    }
}
