using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Runs;
using ConvexWeb.Tests.Support;
using Dapper;

namespace ConvexWeb.Tests.Workers;

public sealed class LeasesTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private Leases Leases(double seconds = 60, string name = "a", double retry = 1)
        => new(Database, new WorkerSettings
        {
            Name = name,
            Lease = TimeSpan.FromSeconds(seconds),
            RetryDelay = TimeSpan.FromSeconds(retry),
        });

    private Task<Assignment?> ClaimAsync(string name = "a") => Leases(name: name).ClaimAsync(["cpu"]);

    private async Task<bool> IsMineAsync(Assignment owner) => (await Leases().RenewAsync([owner])).Lost.Count == 0;

    [Fact]
    public async Task Of_many_that_reach_for_an_item_one_gets_it()
    {
        await Database.AddRunAsync();

        var claims = await Task.WhenAll(Enumerable.Range(0, 16).Select(place => ClaimAsync($"w{place}")));

        Assert.Equal(1, Assert.Single(claims, claim => claim is not null)!.Attempt);
        Assert.Equal(1, await Database.ScalarAsync<long>("select count(*) from attempts"));
    }

    [Fact]
    public async Task Many_claims_at_once_take_each_item_once()
    {
        for (var i = 0; i < 12; i++) await Database.AddRunAsync();

        var claims = await Task.WhenAll(Enumerable.Range(0, 16).Select(place => ClaimAsync($"w{place}")));

        Assert.Equal(12, claims.Where(claim => claim is not null).Select(claim => claim!.RunId).Distinct().Count());
        Assert.Equal(4, claims.Count(claim => claim is null));
    }

    [Fact]
    public async Task An_abandoned_item_is_taken_once_it_is_queued_again()
    {
        var run = await Database.AddRunAsync();
        var dead = await Database.ClaimAsync(run, seconds: -1);
        Assert.Null(await ClaimAsync());

        var next = await Database.ClaimAsync(run);

        Assert.Equal(2, next.Attempt);
        Assert.False(await IsMineAsync(dead));
        Assert.True(await IsMineAsync(next));
        Assert.Equal("lost,-", await Database.OutcomesAsync(run));
    }

    [Fact]
    public async Task An_item_whose_lease_holds_is_not_released()
    {
        var run = await Database.AddRunAsync();
        await Database.ClaimAsync(run);

        await Assert.ThrowsAnyAsync<Exception>(() => Database.ClaimAsync(run));
        Assert.Equal("Running", await Database.StateAsync(run));
    }

    [Fact]
    public async Task An_owner_whose_lease_ran_out_has_it_again_when_it_was_not_taken()
    {
        var owner = await Database.ClaimAsync(await Database.AddRunAsync(), seconds: -1);

        Assert.True(await IsMineAsync(owner));
        Assert.True(await Database.ScalarAsync<bool>("select lease_until > now() + interval '50 seconds' from work_items"));
        Assert.Null(await ClaimAsync());
    }

    [Fact]
    public async Task A_renewal_renews_what_is_held_tells_what_is_lost_and_wished_and_waits_for_no_row_that_is_locked()
    {
        var owners = new List<Assignment>();
        for (var i = 0; i < 4; i++) owners.Add(await Database.ClaimAsync(await Database.AddRunAsync(), seconds: -1));
        await Database.ScalarAsync<int>("update work_items set wish = 'pause' where id = @ItemId returning 1", new { owners[1].ItemId });
        await Database.ScalarAsync<int>("update work_items set state = 'Succeeded' where id = @ItemId returning 1",
            new { owners[2].ItemId });
        await using var connection = await Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        Assert.True(await Server.Leasing.Leases.HoldAsync(connection, owners[3], default));

        var (lost, wished) = await Leases().RenewAsync(owners);

        Assert.Equal([owners[2]], lost);
        Assert.Equal([owners[1]], wished);
        Assert.Equal(
            [owners[0].ItemId, owners[1].ItemId],
            await Database.RowsAsync<long>("select id from work_items where lease_until > now() order by id"));
    }

    [Fact]
    public async Task A_worker_finds_what_it_left_and_takes_back_what_is_over()
    {
        var run = await Database.AddRunAsync();
        await Database.ClaimAsync(run, seconds: 0.5, worker: "a");
        Assert.Equal((1L, 0L), (await Leases(name: "a").LeftBehindAsync(), await Leases(name: "b").LeftBehindAsync()));
        Assert.Equal(0, await Leases(name: "a").TakeBackAsync());

        await Database.UntilAsync("select lease_until < now() from work_items");

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

        Assert.Null(await Leases().EndAsync(zombie, AttemptEnd.Failed("I think")));
        Assert.Null(await Leases().EndAsync(zombie, AttemptEnd.Succeeded));
        Assert.Equal("Running", await Database.StateAsync(run));
    }

    [Theory]
    [InlineData(null, RunState.Queued, "stopped")]
    [InlineData("cancel", RunState.Cancelled, "cancelled")]
    [InlineData("pause", RunState.Paused, "paused")]
    [InlineData("yield", RunState.Queued, "yielded")]
    public async Task What_becomes_of_an_item_that_was_stopped_is_what_was_wished(string? wish, RunState state, string outcome)
    {
        var run = await Database.AddRunAsync();
        var owner = await Database.ClaimAsync(run);
        await Database.ScalarAsync<int>("update work_items set wish = @wish returning 1", new { wish });

        Assert.Equal(state, (await Leases().EndAsync(owner, AttemptEnd.Stopped))!.State);
        Assert.Equal(outcome, await Database.OutcomesAsync(run));
        Assert.Equal(
            (null, state == RunState.Cancelled),
            (await Database.RowsAsync<(string?, bool)>("select wish, finished_at is not null from work_items")).Single());
    }

    [Theory]
    [InlineData("cancel", RunState.Cancelled)]
    [InlineData("pause", RunState.Paused)]
    public async Task A_wish_holds_when_the_trainer_dies_or_the_worker_is_lost(string wish, RunState state)
    {
        foreach (var lost in new[] { false, true })
        {
            var run = await Database.AddRunAsync();
            var owner = await Database.ClaimAsync(run, seconds: lost ? -1 : 60);
            await Database.ScalarAsync<int>("update work_items set wish = @wish where run_id = @run returning 1", new { wish, run });

            if (lost) await Database.ScalarAsync<string>(Server.Leasing.Leases.Release("i.run_id = @run"), new { run });
            else await Leases().EndAsync(owner, AttemptEnd.Died("Signal 9."));

            Assert.Equal(state.ToString(), await Database.StateAsync(run));
        }
    }

    [Fact]
    public async Task An_item_whose_trainer_dies_is_tried_again_later_each_time_and_fails_in_the_end_with_the_reason()
    {
        var run = await Database.AddRunAsync();
        var delays = new List<double>();
        for (var death = 1; death <= Server.Leasing.Leases.MostDeaths; death++)
        {
            await Database.ScalarAsync<int>("update work_items set not_before = null returning 1");
            var end = await Leases().EndAsync((await ClaimAsync())!, AttemptEnd.Died("Signal 9."));
            if (end!.NotBefore is null) continue;
            Assert.Equal(RunState.Queued, end.State);
            Assert.Null(await ClaimAsync());
            delays.Add(await Database.ScalarAsync<double>("select extract(epoch from not_before - queued_at)::float8 from work_items"));
        }

        Assert.Equal([1, 2, 4, 8], delays.Select(delay => Math.Round(delay, 1)));
        Assert.Equal(
            ("Failed", "crashed", "The trainer died 5 times without a new checkpoint. Signal 9."),
            (await Database.RowsAsync<(string, string, string)>("select state, reason_code, reason from work_items")).Single());
        Assert.Equal("died,died,died,died,died", await Database.OutcomesAsync(run));
    }

    [Fact]
    public async Task An_item_whose_workers_are_lost_again_and_again_fails()
    {
        var run = await Database.AddRunAsync();
        for (var loss = 1; loss <= Server.Leasing.Leases.MostDeaths; loss++)
        {
            await Leases(seconds: -1).ClaimAsync(["cpu"]);
            await Database.ScalarAsync<string>(Server.Leasing.Leases.Release("true"));
        }

        Assert.Equal("Failed", await Database.StateAsync(run));
        Assert.StartsWith(
            "5 workers in a row were lost", await Database.ScalarAsync<string>("select reason from work_items"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_hangs_is_tried_once_more_and_one_that_runs_out_of_memory_once_with_twice_as_much_kept_for_it()
    {
        foreach (var end in new[] { AttemptEnd.Hung("Nothing was heard."), AttemptEnd.OutOfMemory("Out of memory.") })
        {
            var run = await Database.AddRunAsync(memory: 3000);
            Assert.Equal(RunState.Queued, (await Leases(retry: 0).EndAsync((await ClaimAsync())!, end))!.State);
            Assert.Equal(
                end.Outcome == Outcome.OutOfMemory ? 6000 : 3000,
                await Database.ScalarAsync<int>("select memory_mb from work_items where run_id = @run", new { run }));

            Assert.Equal(RunState.Failed, (await Leases(retry: 0).EndAsync((await ClaimAsync())!, end))!.State);
            Assert.EndsWith(
                end.Reason!, await Database.ScalarAsync<string>("select reason from work_items where run_id = @run", new { run }),
                StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(6000, 4000, 6000, RunState.Queued)] // twice is more than the device has
    [InlineData(6000, 6000, 6000, RunState.Failed)] // it had all that there is
    public async Task One_that_runs_out_of_memory_is_kept_no_more_than_its_device_has(int lent, int memory, int after, RunState state)
    {
        await Database.ScalarAsync<int>(
            """
            insert into workers (name, host, slots, queues, started_at, last_seen, lends)
            values ('a', 'h', 1, 'cpu', now(), now(), jsonb_build_array(jsonb_build_object('name', 'cpu', 'mb', @lent))) returning 1
            """, new { lent });
        var run = await Database.AddRunAsync(memory: memory);

        var ended = await Leases(retry: 0).EndAsync((await ClaimAsync())!, AttemptEnd.OutOfMemory("Out of memory."));

        Assert.Equal(state, ended!.State);
        Assert.Equal(after, await Database.ScalarAsync<int>("select memory_mb from work_items where run_id = @run", new { run }));
    }

    [Fact]
    public async Task One_whose_folder_cannot_be_reached_is_tried_again_later_each_time_and_fails_in_the_end()
    {
        await Database.AddRunAsync();
        for (var attempt = 1; attempt < Server.Leasing.Leases.MostDeaths; attempt++)
        {
            var end = await Leases().EndAsync((await ClaimAsync())!, AttemptEnd.Unreachable("Stale file handle."));
            Assert.Equal((RunState.Queued, true), (end!.State, end.NotBefore is not null));
            Assert.Equal(
                ("retry", "It is tried again. Stale file handle."),
                (await Database.RowsAsync<(string, string)>("select reason_code, reason from work_items")).Single());
            await Database.ScalarAsync<int>("update work_items set not_before = null returning 1");
        }

        await Leases().EndAsync((await ClaimAsync())!, AttemptEnd.Unreachable("Stale file handle."));

        Assert.Equal(
            ("Failed", "folder", "It was tried 5 times without a new checkpoint. Stale file handle."),
            (await Database.RowsAsync<(string, string, string)>("select state, reason_code, reason from work_items")).Single());
    }

    [Fact]
    public async Task What_one_that_succeeded_was_seen_to_need_counts_for_all_of_its_spec_and_queue_that_do_not_run()
    {
        var first = await Database.AddRunAsync(memory: 391, key: "same");
        await Database.AddRunAsync(memory: 391, key: "same");
        var (owner, other) = ((await ClaimAsync())!, (await ClaimAsync())!);
        Assert.Equal(first, owner.RunId);
        await Database.AddRunAsync(memory: 391, key: "same"); // waits
        await Database.AddRunAsync(memory: 391, key: "same"); // paused
        await Database.AddRunAsync(memory: 2000, key: "same"); // ran out of memory
        await Database.AddRunAsync(memory: 391, key: "same", queue: "gpu");
        await Database.AddRunAsync(memory: 391);
        await Database.ExecuteAsync(
            """
            update work_items set state = 'Paused' where run_id = @first + 3;
            insert into attempts (item_id, number, worker, outcome)
            select id, 1, 'a', 'out_of_memory' from work_items where run_id = @first + 4
            """, new { first });

        await Leases().EndAsync(owner, AttemptEnd.Succeeded with { PeakMemoryMb = 772 });
        Assert.Equal([772, 391, 772, 772, 2000, 391, 391], await MemoryAsync());

        await Leases().EndAsync(other, AttemptEnd.Succeeded with { PeakMemoryMb = 807 });
        Assert.Equal([807, 807, 807, 807, 2000, 391, 391], await MemoryAsync());

        // The most that was seen, not the last.
        await Leases().EndAsync((await ClaimAsync())!, AttemptEnd.Succeeded with { PeakMemoryMb = 500 });
        Assert.Equal([807, 807, 807, 807, 2000, 391, 391], await MemoryAsync());
        var requests = new ItemRequests(Database, new(Database, TimeProvider.System));
        var rerun = await new RunActions(Database, requests, new RecordingQueue()).RerunAsync(first, "tester", new(), default);
        Assert.Equal(
            807, await Database.ScalarAsync<int>("select memory_mb from work_items where run_id = @NewRunId", new { rerun.NewRunId }));

        Task<IReadOnlyList<int>> MemoryAsync() => Database.RowsAsync<int>("select memory_mb from work_items order by run_id limit 7");
    }

    [Fact]
    public async Task No_claim_comes_between_while_others_are_corrected_and_an_end_that_measured_nothing_waits_for_none()
    {
        for (var i = 0; i < 3; i++) await Database.AddRunAsync(memory: 391, key: "same");
        var (first, second) = ((await ClaimAsync())!, (await ClaimAsync())!);
        await using var connection = await Database.OpenConnectionAsync();
        await using var claiming = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync(ClaimOrder.Lock);

        await Leases().EndAsync(first, AttemptEnd.Succeeded).WaitAsync(TimeSpan.FromSeconds(30));
        var end = Leases().EndAsync(second, AttemptEnd.Succeeded with { PeakMemoryMb = 772 });
        await Database.UntilAsync("select count(*) = 1 from pg_locks where locktype = 'advisory' and not granted");
        Assert.Single(await connection.QueryAsync<long>("select id from work_items where state = 'Queued' for update nowait"));
        await claiming.CommitAsync();

        Assert.Equal(RunState.Succeeded, (await end)?.State);
        Assert.Equal(772, await Database.ScalarAsync<int>("select memory_mb from work_items where state = 'Queued'"));
    }

    [Fact]
    public async Task Of_two_that_end_at_once_the_higher_measurement_holds()
    {
        for (var i = 0; i < 3; i++) await Database.AddRunAsync(memory: 391, key: "same");
        var (first, second) = ((await ClaimAsync())!, (await ClaimAsync())!);
        await using var connection = await Database.OpenConnectionAsync();
        await using var claiming = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync(ClaimOrder.Lock);
        var one = Leases().EndAsync(first, AttemptEnd.Succeeded with { PeakMemoryMb = 4000 });
        await Database.UntilAsync("select count(*) = 1 from pg_locks where locktype = 'advisory' and not granted");
        var two = Leases().EndAsync(second, AttemptEnd.Succeeded with { PeakMemoryMb = 600 });
        await Database.UntilAsync("select count(*) = 2 from pg_locks where locktype = 'advisory' and not granted");
        await claiming.CommitAsync();

        await Task.WhenAll(one, two);
        Assert.Equal([4000, 4000, 4000], await Database.RowsAsync<int>("select memory_mb from work_items order by id"));
    }

    [Fact]
    public async Task One_that_failed_says_nothing_of_what_others_need()
    {
        var run = await Database.AddRunAsync(memory: 391, key: "same");
        await Database.AddRunAsync(memory: 391, key: "same");

        await Leases().EndAsync(await Database.ClaimAsync(run), AttemptEnd.Failed("No.") with { PeakMemoryMb = 772 });

        Assert.Equal([391, 391], await Database.RowsAsync<int>("select memory_mb from work_items"));
    }

    [Fact]
    public async Task What_is_requeued_may_hang_once_more()
    {
        var run = await Database.AddRunAsync();
        for (var i = 0; i < 2; i++) await Leases(retry: 0).EndAsync((await ClaimAsync())!, AttemptEnd.Hung("Nothing was heard."));
        await new ItemRequests(Database, new(Database, TimeProvider.System)).AskRunsAsync(
            ItemAction.Requeue, [run], new("ada", IsAdmin: true, AuditActor.Server), default);

        Assert.Equal(
            RunState.Queued, (await Leases(retry: 0).EndAsync((await ClaimAsync())!, AttemptEnd.Hung("Nothing was heard.")))!.State);
    }
}
