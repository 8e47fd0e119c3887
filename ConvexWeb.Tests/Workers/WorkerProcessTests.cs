using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Trainers;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ConvexWeb.Tests.Workers;

/// <summary>
/// What becomes of a run when its worker is killed, put to sleep or shut down; with worker processes and a scripted trainer.
/// </summary>
public sealed class WorkerProcessTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private const string Slow = """{"steps":150,"every":25,"pause":0.03}""";

    [Fact]
    public async Task A_worker_is_killed_and_another_finishes_its_run_with_each_point_once()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = WorkerProcess.Start(ConnectionString, Folder, "first");
        var run = await web.SubmitAsync(Slow);
        await Database.UntilAsync("select step >= 30 from runs");

        await first.KillAsync();
        var killed = TimeProvider.System.GetTimestamp();
        await using var second = WorkerProcess.Start(ConnectionString, Folder, "second");

        await Database.UntilAsync("select attempt = 2 from work_items");
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine(
            $"Killed, and taken over after {TimeProvider.System.GetElapsedTime(killed).TotalSeconds:0.0} s");
        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run, 150);
        Assert.Equal(
            [("first", "lost"), ("second", "succeeded")],
            await Database.RowsAsync<(string, string)>("select worker, outcome from attempts order by number"));
        Assert.True(await Database.ScalarAsync<long>("select resumed_step from journals where attempt = 2") >= 30);
    }

    [Fact]
    public async Task A_worker_that_sleeps_past_its_lease_is_fenced_off_when_it_wakes()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var sleeper = WorkerProcess.Start(ConnectionString, Folder, "sleeper");
        var run = await web.SubmitAsync(Slow);
        await Database.UntilAsync("select step >= 30 from runs");

        sleeper.FallAsleep();
        await using var second = WorkerProcess.Start(ConnectionString, Folder, "second");
        await Database.UntilAsync("select i.attempt = 2 and r.step > 0 from runs r join work_items i on i.run_id = r.id");
        sleeper.WakeUp();

        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run, 150);
        Assert.Equal(
            [("sleeper", "lost"), ("second", "succeeded")],
            await Database.RowsAsync<(string, string)>("select worker, outcome from attempts order by number"));
    }

    [Fact]
    public async Task A_node_that_is_frozen_in_a_transaction_does_not_hold_the_queue_for_ever()
    {
        await using var node = await StartNodeAsync();
        // As the server opens its connections: this one takes the queue's lock, and then nobody goes on with it.
        var frozen = await node.Database.OpenConnectionAsync();
        await frozen.ExecuteAsync("begin; " + ClaimOrder.LockForSeveral);

        await Database.UntilAsync(await node.SubmitAsync("""{"steps":5}"""), RunState.Succeeded);
        // It wakes, and finds its connection broken.
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => frozen.ExecuteAsync("commit"));
        await frozen.DisposeAsync();
    }

    [Fact]
    public async Task A_node_that_is_frozen_while_it_notes_something_holds_up_no_claim_of_another_item()
    {
        var (first, second) = (await Database.AddRunAsync(), await Database.AddRunAsync());
        await using var frozen = await Database.OpenConnectionAsync();
        await using var begun = await frozen.BeginTransactionAsync();
        await new AuditTrail(Database, TimeProvider.System).WriteAsync(frozen, AuditActor.Server, [new(AuditAction.SignedIn)], default);

        // It waits for the trail, and keeps the row of the first.
        var asking = new ItemRequests(Database, new(Database, TimeProvider.System)).PrioritiseAsync(
            Priority.High, [first], new("root", IsAdmin: true, AuditActor.Server), default);
        await Database.UntilAsync("select exists (select from pg_locks where locktype = 'advisory' and not granted)");
        var claimed = await new Leases(Database, new WorkerSettings { Name = "w" }).ClaimAsync(["cpu"]);

        Assert.Equal(second, claimed?.RunId);
        await begun.RollbackAsync();
        await asking;
    }

    [Fact]
    public async Task A_worker_that_is_terminated_hands_its_run_back_with_a_checkpoint()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = WorkerProcess.Start(ConnectionString, Folder, "first");
        var run = await web.SubmitAsync(Slow);
        await Database.UntilAsync("select step >= 30 from runs");

        Assert.Equal(0, await first.TerminateAsync());
        Assert.Equal("Queued", await Database.StateAsync(run));
        await using var second = WorkerProcess.Start(ConnectionString, Folder, "second");

        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run, 150);
        Assert.Equal("stopped,succeeded", await Database.OutcomesAsync(run));
    }

    [Fact]
    public async Task A_cancelled_run_whose_worker_was_killed_is_cancelled_by_whoever_is_left()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = WorkerProcess.Start(ConnectionString, Folder, "first");
        var run = await web.SubmitAsync(Slow);
        await Database.UntilAsync("select step >= 5 from runs");
        await first.KillAsync();

        await web.CancelAsync(run);

        await Database.UntilAsync(run, RunState.Cancelled);
        Assert.Equal("lost", await Database.OutcomesAsync(run));
    }

    [Fact]
    public async Task What_the_trainer_of_a_killed_worker_wrote_last_is_stored_although_its_run_was_cancelled()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = WorkerProcess.Start(ConnectionString, Folder, "first");
        var run = await web.SubmitAsync("""{"steps":4000,"every":10,"pause":0.03}""");
        await Database.UntilAsync("select step >= 30 from runs");
        await first.KillAsync();
        await web.CancelAsync(run);
        await Database.UntilAsync(run, RunState.Cancelled);
        await using var second = await StartNodeAsync(("Convex:Worker:Name", "second"), ("Convex:Worker:Queues", "other"));

        await Task.Delay(TimeSpan.FromSeconds(1)); // the trainer has ended, since its standard input has
        await second.Services.GetRequiredService<LostJournals>().PassAsync(TimeSpan.Zero, default);

        var written = new Journal(RunFiles.JournalOf(Folder, run)).Read().Events.OfType<PointsEvent>().Max(item => item.Step);
        await Database.AssertWholeAsync(run, (int)written);
        Assert.Equal(written, await Database.ScalarAsync<long>("select max(step) from checkpoints where kind = 'last'"));
        Assert.Equal("Cancelled", await Database.StateAsync(run));
        Assert.True(await Database.ScalarAsync<bool>("select journal_stored from attempts"));
    }

    [Fact]
    public async Task A_run_whose_worker_was_killed_goes_before_those_that_have_waited_meanwhile()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = WorkerProcess.Start(ConnectionString, Folder, "first");
        var run = await web.SubmitAsync(Slow);
        await Database.UntilAsync("select step >= 5 from runs");
        var waiting = await web.SubmitAsync(2, """{"steps":1}""");
        await first.KillAsync();
        await Database.UntilAsync(run, RunState.Queued);

        await using var second = WorkerProcess.Start(ConnectionString, Folder, "second");
        await Database.UntilAsync("select count(*) = 3 from work_items where state = 'Succeeded'");
        Assert.Equal(
            [run, .. waiting],
            await Database.RowsAsync<long>(
                "select i.run_id from attempts a join work_items i on i.id = a.item_id where a.worker = 'second' order by a.started_at"));
    }

    [Fact]
    public async Task A_worker_that_was_killed_and_started_again_takes_up_its_run_before_others()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var killed = WorkerProcess.Start(ConnectionString, Folder, "same");
        var run = await web.SubmitAsync(Slow);
        await Database.UntilAsync("select step >= 5 from runs");
        var waiting = await web.SubmitAsync(2, """{"steps":1}""");
        await killed.KillAsync();

        await using var again = WorkerProcess.Start(ConnectionString, Folder, "same");
        await Database.UntilAsync("select count(*) = 3 from work_items where state = 'Succeeded'");
        Assert.Equal([run, run, .. waiting], await Database.RowsAsync<long>(
            "select i.run_id from attempts a join work_items i on i.id = a.item_id order by a.started_at"));
        await Database.AssertWholeAsync(run, 150);
    }

    [Fact]
    public async Task A_run_whose_worker_is_gone_for_good_is_queued_again_for_all_to_see()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var worker = WorkerProcess.Start(ConnectionString, Folder, "gone");
        var run = await web.SubmitAsync(Slow);
        await Database.UntilAsync("select step >= 5 from runs");
        await worker.KillAsync();

        await Database.UntilAsync(run, RunState.Queued);
        Assert.Equal("lost", await Database.OutcomesAsync(run));
        await using var next = await StartNodeAsync();
        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run, 150);
    }
}
