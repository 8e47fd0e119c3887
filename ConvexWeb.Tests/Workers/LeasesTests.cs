using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Workers;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

public sealed class LeasesTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private Leases Leases(double seconds = 60, string name = "a")
        => new(Database, new WorkerSettings { Name = name, Lease = TimeSpan.FromSeconds(seconds) });

    [Fact]
    public async Task Of_many_that_reach_for_a_run_one_gets_it()
    {
        var run = await Database.AddRunAsync();

        var claims = await Task.WhenAll(Enumerable.Range(0, 16).Select(place => Leases(name: $"w{place}").ClaimAsync(run)));

        Assert.Equal(1, Assert.Single(claims, claim => claim.Assignment is not null).Assignment!.Attempt);
        Assert.All(
            claims.Where(claim => claim.Assignment is null),
            claim => Assert.InRange(claim.Wait!.Value, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(60)));
        Assert.Equal(1, await Database.ScalarAsync<long>("select count(*) from attempts"));
    }

    [Fact]
    public async Task Of_many_that_reach_for_an_abandoned_run_one_gets_it()
    {
        var run = await Database.AddRunAsync();
        var dead = (await Leases(seconds: -1).ClaimAsync(run)).Assignment!;

        var claims = await Task.WhenAll(Enumerable.Range(0, 16).Select(place => Leases(name: $"w{place}").ClaimAsync(run)));

        Assert.Equal(2, Assert.Single(claims, claim => claim.Assignment is not null).Assignment!.Attempt);
        Assert.Null(await Leases().RenewAsync(dead));
        Assert.Equal("lost,-", await Database.OutcomesAsync(run));
    }

    [Fact]
    public async Task An_owner_whose_lease_ran_out_has_it_again_when_nobody_was_there()
    {
        var run = await Database.AddRunAsync();
        var owner = (await Leases(seconds: -1).ClaimAsync(run)).Assignment!;

        Assert.Equal(false, await Leases().RenewAsync(owner));
        Assert.NotNull((await Leases().ClaimAsync(run)).Wait);
    }

    [Fact]
    public async Task An_attempt_that_was_superseded_can_end_nothing()
    {
        var run = await Database.AddRunAsync();
        var zombie = (await Leases(seconds: -1).ClaimAsync(run)).Assignment!;
        await Leases().ClaimAsync(run);

        Assert.Null(await Leases().EndAsync(zombie, RunState.Failed, Outcome.Failed, "I think"));
        Assert.Null(await Leases().RetryAsync(zombie, "I think"));
        Assert.Equal("Running", await Database.StateAsync(run));
    }

    [Fact]
    public async Task A_run_that_is_handed_back_while_somebody_cancels_it_is_cancelled()
    {
        var run = await Database.AddRunAsync();
        var owner = (await Leases().ClaimAsync(run)).Assignment!;
        await Database.ScalarAsync<int>("update runs set cancel_requested_at = now() where id = @run returning 1", new { run });

        Assert.Equal(true, await Leases().RenewAsync(owner));
        Assert.Equal(RunState.Cancelled, await Leases().EndAsync(owner, RunState.Queued, Outcome.Stopped, null));
        Assert.Equal("cancelled", await Database.OutcomesAsync(run));
        Assert.Null((await Leases().ClaimAsync(run)).Assignment);
    }

    [Fact]
    public async Task A_run_whose_trainer_dies_again_and_again_fails_with_the_reason()
    {
        var run = await Database.AddRunAsync();
        var owner = (await Leases().ClaimAsync(run)).Assignment;
        for (var deaths = 1; deaths < Server.Workers.Leases.MostDeaths; deaths++) owner = await Leases().RetryAsync(owner!, "Signal 9.");

        Assert.Equal(5, owner!.Attempt);
        Assert.Null(await Leases().RetryAsync(owner, "Signal 9."));
        Assert.Equal("Failed", await Database.StateAsync(run));
        Assert.Equal(
            "The trainer died 5 times without a new checkpoint. Signal 9.",
            await Database.ScalarAsync<string>("select reason from runs"));
    }
}
