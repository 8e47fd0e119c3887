using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using static ConvexWeb.Tests.Workers.TrainingDatabase;

namespace ConvexWeb.Tests.Workers;

/// <summary>What a trainer says at its end, on its way from the journal into the database.</summary>
public sealed class SummaryTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private PointWriter Writer => new(Database, new MetricIds(Database), new());

    [Fact]
    public async Task It_is_stored_once_and_as_the_trainer_wrote_it()
    {
        var owner = await ClaimAsync(await Database.AddRunAsync());
        var summary = Summary("\0 ended");
        var batch = Batch(PointsAt(1, 20, 0.5), End(2, 20, summary));

        Assert.True(await Writer.WriteAsync(owner, owner.Attempt, batch, [], announce: true));
        Assert.True(await Writer.WriteAsync(owner, owner.Attempt, batch, [], announce: true)); // the answer to the commit was lost
        // An attempt has one end.
        Assert.True(await Writer.WriteAsync(owner, owner.Attempt, Batch(End(3, 21, Summary("again"))), [], announce: true));

        Assert.Equal(
            [(1, 20L, RunSummaryJson.Write(summary))],
            await Database.RowsAsync<(int, long, string)>("select attempt, step, summary::text from run_summaries"));
    }

    [Fact]
    public async Task An_attempt_that_has_lost_the_run_stores_none()
    {
        var zombie = await ClaimAsync(await Database.AddRunAsync(), seconds: -1);
        var owner = await ClaimAsync(zombie.RunId);

        Assert.False(await Writer.WriteAsync(zombie, zombie.Attempt, Batch(End(1, 20, Summary("done"))), [], announce: true));
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from run_summaries"));

        // The owner finds the same line in the journal of the attempt before.
        Assert.True(await Writer.WriteAsync(owner, zombie.Attempt, Batch(End(1, 20, Summary("done"))), [], announce: true));
        Assert.Equal([(1, 20L)], await Database.RowsAsync<(int, long)>("select attempt, step from run_summaries"));
    }

    [Fact]
    public async Task An_end_without_a_summary_or_with_one_beyond_measure_stores_none()
    {
        var owner = await ClaimAsync(await Database.AddRunAsync());

        Assert.True(await Writer.WriteAsync(owner, owner.Attempt, Batch(End(1, 20, null)), [], announce: true));
        var huge = Batch(End(2, 20, Summary(new string('x', 9_000_000))));
        Assert.True(await Writer.WriteAsync(owner, owner.Attempt, huge, [], announce: true));

        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from run_summaries"));
        Assert.Equal(20, await Database.ScalarAsync<long>("select step from runs"));
    }

    private static FinishedEvent End(long line, long step, RunSummary? summary) =>
        new(step, summary) { N = line, At = DateTimeOffset.UnixEpoch };

    private static RunSummary Summary(string because) => new(
        2, 40, because, new Dictionary<string, double> { ["test/loss"] = double.NaN }, new Dictionary<string, double>(), 1, 12.5, "abc");

    private Task<Assignment> ClaimAsync(long run, double seconds = 60) => Database.ClaimAsync(run, seconds);
}
