using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Tests.Support;
using Hangfire;
using Hangfire.Common;
using Hangfire.States;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Workers;

/// <summary>Queue, worker and trainer process together, on one node.</summary>
public sealed class TrainingTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    [Fact]
    public async Task A_run_is_trained_to_its_end()
    {
        await using var node = await StartNodeAsync();

        var run = await node.SubmitAsync("""{"steps":20,"every":5}""");

        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run);
        Assert.Equal("succeeded", await Database.OutcomesAsync(run));
        Assert.Equal((20L, "[[1,90,70.5],[2,90,70.5],[3,90,70.5],[4,90,70.5]]", true),
            (await Database.RowsAsync<(long, string, bool)>(
                """
                select r.step, replace(r.spark::text, ' ', ''), i.finished_at > i.started_at
                from runs r join work_items i on i.run_id = r.id
                """)).Single());
        Assert.Equal("{\"big\": \"Infinity\", \"gap\": 19.5, \"odd\": \"NaN\"}",
            await Database.ScalarAsync<string>(
                "select (latest - 'attempt' - 'train/accuracy' - 'test/accuracy' - 'train/loss_running')::text from runs"));
        Assert.Equal([("last", 20L)], await Database.RowsAsync<(string, long)>("select kind, step from checkpoints"));
        Assert.Equal("attempt 1 from step 0", await Database.ScalarAsync<string>("select text from log_lines where level = 'stderr'"));
        await Database.UntilAsync("select count(*) = 0 from hangfire.jobqueue");
    }

    // Ids count from 1 again in a new database, and from where they were in one that was put back to a backup.
    [Theory]
    [InlineData("update this_database set id = gen_random_uuid() returning 1", 0)]
    [InlineData("select 1", 1)]
    public async Task What_a_run_of_the_same_number_has_left_in_the_data_folder_is_not_taken_for_its_own(
        string otherDatabase, int movedAside)
    {
        await using var node = await StartNodeAsync();
        var old = await node.SubmitAsync("""{"steps":30,"every":5}""");
        await Database.UntilAsync(old, RunState.Succeeded);
        var oldJournal = await File.ReadAllTextAsync(RunFiles.JournalOf(Folder, old));

        await Database.ScalarAsync<int>("truncate studies restart identity cascade; select 1");
        await Database.ScalarAsync<int>(otherDatabase);
        var run = await node.SubmitAsync("""{"steps":10,"every":5}""");
        Assert.Equal(old, run);

        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run, 10);
        Assert.Equal(10, await Database.ScalarAsync<long>("select step from checkpoints"));
        var aside = Directory.GetDirectories(Folder, "1.foreign-1", SearchOption.AllDirectories);
        Assert.Equal(movedAside, aside.Length);
        var journals = Directory.GetFiles(Path.Combine(Folder, "runs"), "metrics.jsonl", SearchOption.AllDirectories);
        Assert.Equal(2, journals.Length);
        Assert.Contains(journals, journal => File.ReadAllText(journal) == oldJournal);
    }

    [Fact]
    public async Task A_failed_event_fails_the_run_with_its_words()
    {
        await using var node = await StartNodeAsync();
        var run = await node.SubmitAsync("""{"steps":20,"fail_at":7}""");

        await Database.UntilAsync(run, RunState.Failed);
        Assert.Equal("the loss is not finite", await Database.ScalarAsync<string>("select reason from work_items"));
        await Database.AssertWholeAsync(run, 7);
    }

    [Theory]
    [InlineData(2, "The trainer refused the spec.")]
    [InlineData(1, "The trainer ended with code 1.")]
    public async Task A_trainer_that_gives_up_fails_the_run_with_its_last_words(int code, string reason)
    {
        await using var node = await StartNodeAsync();
        var run = await node.SubmitAsync($$"""{"steps":20,"exit_at":3,"code":{{code}}}""");

        await Database.UntilAsync(run, RunState.Failed);
        var text = await Database.ScalarAsync<string>("select reason from work_items");
        Assert.StartsWith(reason, text, StringComparison.Ordinal);
        Assert.EndsWith("no such layer", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trainer_that_is_not_there_fails_the_run()
    {
        await using var node = await StartNodeAsync(("Convex:Worker:Trainer:0", "/nowhere/trainer"), ("Convex:Worker:Niceness", "0"));
        var run = await node.SubmitAsync("{}");

        await Database.UntilAsync(run, RunState.Failed);
        Assert.Contains("/nowhere/trainer", await Database.ScalarAsync<string>("select reason from work_items"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trainer_that_is_killed_goes_on_from_its_checkpoint()
    {
        await using var node = await StartNodeAsync();
        var run = await node.SubmitAsync("""{"steps":20,"every":5,"die_at":13,"times":2}""");

        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run);
        Assert.Equal("died,died,succeeded", await Database.OutcomesAsync(run));
        Assert.Equal([0, 10, 10], await Database.RowsAsync<long>("select resumed_step from journals order by attempt"));
    }

    [Fact]
    public async Task A_trainer_that_always_dies_fails_in_the_end()
    {
        await using var node = await StartNodeAsync();
        var run = await node.SubmitAsync("""{"steps":20,"every":50,"die_at":3}""");

        await Database.UntilAsync(run, RunState.Failed);
        Assert.Equal("died,died,died,died,died", await Database.OutcomesAsync(run));
        Assert.Contains("signal 9", await Database.ScalarAsync<string>("select reason from work_items"), StringComparison.Ordinal);
        await Database.AssertWholeAsync(run, 3);
    }

    [Fact]
    public async Task A_running_run_is_cancelled_quickly_and_keeps_what_it_has()
    {
        await using var node = await StartNodeAsync();
        var run = await node.SubmitAsync("""{"steps":100000,"pause":0.02}""");
        await Database.UntilAsync("select step >= 5 from runs");

        var asked = TimeProvider.System.GetTimestamp();
        Assert.True((await node.CancelAsync(run)).Done);
        await Database.UntilAsync(run, RunState.Cancelled);

        Assert.True(TimeProvider.System.GetElapsedTime(asked) < new WorkerSettings().StopPatience);
        Assert.Equal("cancelled", await Database.OutcomesAsync(run));
        await Database.AssertWholeAsync(run, (int)await Database.ScalarAsync<long>("select step from runs"));
    }

    [Fact]
    public async Task A_trainer_that_does_not_listen_is_killed_when_its_run_is_cancelled()
    {
        await using var node = await StartNodeAsync(
            ("Convex:Worker:WishPatience", "00:00:00.3"), ("Convex:Worker:StopPatience", "00:00:00.3"));
        var run = await node.SubmitAsync("""{"hang_at":2}""");
        await Database.UntilAsync("select exists (select from log_lines where text = 'hangs')");

        await node.CancelAsync(run);
        await Database.UntilAsync(run, RunState.Cancelled);
    }

    [Fact]
    public async Task A_queued_run_is_cancelled_at_once_and_never_starts()
    {
        await using var node = await StartNodeAsync();
        var busy = await node.SubmitAsync("""{"steps":100000}""");
        await Database.UntilAsync("select step >= 1 from runs where id = @busy", new { busy });
        var waiting = await node.SubmitAsync("{}");

        await node.CancelAsync(waiting);
        Assert.Equal("Cancelled", await Database.StateAsync(waiting));
        await node.CancelAsync(busy);

        await Database.UntilAsync(busy, RunState.Cancelled);
        await Database.UntilAsync("select count(*) = 0 from hangfire.jobqueue");
        Assert.Equal("", await Database.OutcomesAsync(waiting));
    }

    [Fact]
    public async Task More_tickets_than_runs_train_each_once()
    {
        await using var node = await StartNodeAsync(("Convex:Worker:Slots", "2"));
        await using var elsewhere = await StartNodeAsync(("Convex:Worker:Name", "worker-2"), ("Convex:Worker:Slots", "2"));
        var run = await node.SubmitAsync("""{"steps":40}""");
        await Database.UntilAsync("select step >= 1 from runs");

        // Late ones, as somebody makes who queues a finished ticket again in the dashboard.
        var client = new BackgroundJobClient(node.Services.GetRequiredService<JobStorage>());
        for (var i = 0; i < 5; i++)
            client.Create(Job.FromExpression<WorkTicket>(ticket => ticket.UseAsync(null!)), new EnqueuedState("cpu"));
        await Database.UntilAsync("select count(*) >= 5 from hangfire.job where statename = 'Succeeded'");

        await Database.UntilAsync(run, RunState.Succeeded);
        Assert.Equal("succeeded", await Database.OutcomesAsync(run));
        await Database.AssertWholeAsync(run, 40);
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from hangfire.job where statename = 'Failed'"));
    }

    [Fact]
    public async Task A_node_that_is_shut_down_hands_its_run_to_the_next()
    {
        long run;
        await using (var node = await StartNodeAsync())
        {
            run = await node.SubmitAsync("""{"steps":60,"every":25,"pause":0.03}""");
            await Database.UntilAsync("select step >= 7 from runs");
        }
        Assert.Equal("Queued", await Database.StateAsync(run));
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from workers"));

        await using var next = await StartNodeAsync();
        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run, 60);
        Assert.Equal("stopped,succeeded", await Database.OutcomesAsync(run));
        Assert.True(await Database.ScalarAsync<long>("select resumed_step from journals where attempt = 2") >= 7);
    }

    [Fact]
    public async Task Fifty_queued_runs_follow_one_another_without_gaps()
    {
        await using var node = await StartNodeAsync(("Convex:Worker:Slots", "2"));
        var runs = await node.SubmitAsync(50, """{"steps":3,"every":3,"pause":0.001}""");

        await Database.UntilAsync("select count(*) = 50 from work_items where state = 'Succeeded'");

        // From one end to the next start in either slot.
        var gaps = await Database.RowsAsync<double>(
            """
            select extract(epoch from a.started_at - (select max(e.ended_at) from attempts e where e.ended_at < a.started_at)) * 1000
            from attempts a
            where exists (select from attempts e where e.ended_at < a.started_at) order by 1
            """);
        var starts = await Database.RowsAsync<double>(
            "select extract(epoch from p.at - a.started_at) * 1000 "
            + "from attempts a join work_items i on i.id = a.item_id join points p on p.run_id = i.run_id and p.seq = 1 order by 1");
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine(
            $"gap p50 {gaps[gaps.Count / 2]:0} p95 {gaps[gaps.Count * 95 / 100]:0} max {gaps[^1]:0} ms; "
            + $"claim to first point p50 {starts[25]:0} p95 {starts[47]:0} ms");
        Assert.True(gaps[gaps.Count / 2] < 500, $"{gaps[gaps.Count / 2]} ms");
        Assert.Equal(runs.Order(), await Database.RowsAsync<long>(
            "select i.run_id from attempts a join work_items i on i.id = a.item_id order by 1"));
    }
}
