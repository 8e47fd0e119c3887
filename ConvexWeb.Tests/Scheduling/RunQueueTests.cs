using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Scheduling;

public sealed class RunQueueTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private const string Short = """{"steps":1}""";

    [Fact]
    public async Task A_submission_that_is_rolled_back_leaves_nothing_in_the_queue()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using (var connection = await Database.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            var run = await connection.AddRunAsync(Short);
            await web.Queue.EnqueueAsync(connection, transaction, [new QueuedRun(run, 5, "cpu")]);
            await transaction.RollbackAsync();
        }
        Assert.Equal((0L, 0L, 0L), (await Database.RowsAsync<(long, long, long)>(
            """
            select (select count(*) from runs), (select count(*) from quartz.qrtz_job_details),
                (select count(*) from quartz.qrtz_triggers)
            """)).Single());
    }

    [Fact]
    public async Task Runs_go_by_priority_and_then_in_the_order_of_submission()
    {
        IReadOnlyList<long> expected;
        await using (var web = await StartNodeAsync(("Convex:Role", "web")))
        {
            var low = await web.SubmitAsync(2, Short, priority: 1);
            var high = await web.SubmitAsync(2, Short, priority: 9);
            var middle = await web.SubmitAsync(2, Short, priority: 5);
            expected = [.. high, .. middle, .. low];
        }
        await using var worker = await StartNodeAsync();

        await Database.UntilAsync("select count(*) = 6 from runs where state = 'Succeeded'");
        Assert.Equal(expected, await Database.RowsAsync<long>("select run_id from attempts order by started_at"));
    }

    [Fact]
    public async Task A_submitted_run_starts_at_once()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var worker = await StartNodeAsync();
        var waits = new List<double>();
        for (var i = 0; i < 12; i++)
        {
            var asked = TimeProvider.System.GetTimestamp();
            var run = await web.SubmitAsync(Short);
            await Database.UntilAsync("select state <> 'Queued' from runs where id = @run", new { run });
            waits.Add(TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds);
            await Database.UntilAsync(run, RunState.Succeeded);
        }
        waits.Sort();
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine($"submit to claim: p50 {waits[6]:0} max {waits[^1]:0} ms");
        Assert.True(waits[6] < 500, string.Join(", ", waits.Select(wait => $"{wait:0}")));
    }

    [Fact]
    public async Task A_run_that_the_queue_has_lost_is_put_back()
    {
        await using var node = await StartNodeAsync();
        var run = await Database.AddRunAsync(Short);

        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run, 1);
    }

    [Fact]
    public async Task A_running_run_that_nobody_trains_and_the_queue_does_not_know_is_taken_up_again()
    {
        var run = await Database.AddRunAsync("""{"steps":20}""");
        await Database.StartAttemptAsync(run);
        await Database.ScalarAsync<int>("update attempts set lease_until = now() - interval '1 second' returning 1");

        await using var node = await StartNodeAsync();
        await Database.UntilAsync(run, RunState.Succeeded);
        Assert.Equal("lost,succeeded", await Database.OutcomesAsync(run));
    }

    [Fact]
    public async Task Runs_of_a_group_that_nobody_serves_wait_and_hold_up_nobody()
    {
        await using var node = await StartNodeAsync();
        long waiting;
        await using (var connection = await Database.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            waiting = await connection.AddRunAsync(Short, priority: 9, group: "gpu");
            await node.Queue.EnqueueAsync(connection, transaction, [new QueuedRun(waiting, 9, "gpu")]);
            await transaction.CommitAsync();
        }
        var run = await node.SubmitAsync(Short, priority: 1);

        await Database.UntilAsync(run, RunState.Succeeded);
        Assert.Equal("Queued", await Database.StateAsync(waiting));
    }
}
