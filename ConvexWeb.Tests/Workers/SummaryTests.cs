using System.Text;
using ConvexWeb.Server.Workers;
using ConvexWeb.Tests.Support;
using static ConvexWeb.Tests.Workers.TrainingDatabase;

namespace ConvexWeb.Tests.Workers;

/// <summary>What a trainer says at its end, on its way from the journal into the database.</summary>
public sealed class SummaryTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private const string At = "\"at\":\"2026-11-21T08:00:00Z\"";

    private PointWriter Writer => new(Database, new MetricIds(Database));

    [Fact]
    public async Task It_is_stored_once_and_verbatim()
    {
        var owner = await ClaimAsync(await Database.AddRunAsync());
        const string Summary = """{"z": 1.50, "a": "\u0000 \ud800"}""";
        var batch = Batch(PointsAt(1, 20, 0.5), End(2, 20, Summary));

        Assert.True(await Writer.WriteAsync(owner, owner.Attempt, batch, [], announce: true));
        Assert.True(await Writer.WriteAsync(owner, owner.Attempt, batch, [], announce: true)); // the answer to the commit was lost
        Assert.True(await Writer.WriteAsync(owner, owner.Attempt, Batch(End(3, 21, "{}")), [], announce: true)); // an attempt has one end

        Assert.Equal([(1, 20L, Summary)], await Database.RowsAsync<(int, long, string)>("select attempt, step, summary::text from run_summaries"));
    }

    [Fact]
    public async Task An_attempt_that_has_lost_the_run_stores_none()
    {
        var zombie = await ClaimAsync(await Database.AddRunAsync(), seconds: -1);
        var owner = await ClaimAsync(zombie.RunId);

        Assert.False(await Writer.WriteAsync(zombie, zombie.Attempt, Batch(End(1, 20, "{}")), [], announce: true));
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from run_summaries"));

        // The owner finds the same line in the journal of the attempt before.
        Assert.True(await Writer.WriteAsync(owner, zombie.Attempt, Batch(End(1, 20, "{}")), [], announce: true));
        Assert.Equal([(1, 20L)], await Database.RowsAsync<(int, long)>("select attempt, step from run_summaries"));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(",\"summary\":null", false)]
    [InlineData(",\"summary\":[1]", false)]
    [InlineData(",\"summary\":{\"a\":1}", true)]
    public void An_end_without_a_summary_is_an_end_all_the_same(string field, bool kept)
    {
        var end = Parse($"{{{At},\"type\":\"finished\",\"step\":9{field}}}");

        Assert.Equal((9L, kept ? "{\"a\":1}" : null), (end.Step, end.Summary));
    }

    [Fact]
    public void A_summary_without_measure_is_left_out()
    {
        Assert.Null(Parse($"{{{At},\"type\":\"finished\",\"step\":9,\"summary\":{{\"a\":\"{new string('x', 9_000_000)}\"}}}}").Summary);
    }

    private static Finished End(long line, long step, string summary) => new(line, DateTimeOffset.UnixEpoch, step, summary);

    private static Finished Parse(string json) => Assert.IsType<Finished>(JournalEvent.Parse(Encoding.UTF8.GetBytes(json), 1));

    private async Task<Assignment> ClaimAsync(long run, double seconds = 60) =>
        (await new Leases(Database, new WorkerSettings { Lease = TimeSpan.FromSeconds(seconds) }).ClaimAsync(run)).Assignment!;
}
