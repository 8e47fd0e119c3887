using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Runs;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using static ConvexWeb.Tests.Workers.TrainingDatabase;

namespace ConvexWeb.Tests.Workers;

public sealed class PointWriterTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private PointWriter Writer => new(Database, new MetricIds(Database), new());

    [Fact]
    public async Task A_batch_that_comes_twice_is_stored_once()
    {
        var owner = await ClaimAsync(await Database.AddRunAsync());
        var message = new MessageEvent(MessageLevel.Info, "hello") { N = 3, At = DateTimeOffset.UnixEpoch };
        var batch = Batch(PointsAt(1, 1, 0.5), PointsAt(2, 2, 0.4), message);
        var errors = new[] { new ErrorLine(1, DateTimeOffset.UnixEpoch, "careful") };

        Assert.True(await WriteAsync(owner, batch, errors: errors));
        Assert.True(await WriteAsync(owner, batch, errors: errors));
        Assert.True(await WriteAsync(owner, Batch(PointsAt(4, 2, 9.9), PointsAt(5, 3, 0.3)))); // step 2 again: the first report holds

        Assert.Equal([(1L, 1L, 0.5), (2L, 2L, 0.4), (3L, 3L, 0.3)], await PointsAsync(owner.RunId));
        Assert.Equal((3L, 3L, 5L), (await Database.RowsAsync<(long, long, long)>(
            "select last_seq, step, stored_line from runs join journals on run_id = id")).Single());
        Assert.Equal(
            [(-1L, "stderr"), (3L, "info")],
            await Database.RowsAsync<(long, string)>("select n, level from log_lines order by n"));
    }

    [Fact]
    public async Task A_superseded_attempt_writes_nothing()
    {
        var zombie = await ClaimAsync(await Database.AddRunAsync(), seconds: -1);
        var owner = await ClaimAsync(zombie.RunId);

        Assert.False(await WriteAsync(zombie, Batch(PointsAt(1, 1, 0.5))));
        Assert.True(await WriteAsync(owner, Batch(PointsAt(1, 1, 0.7))));
        Assert.Equal([(1L, 1L, 0.7)], await PointsAsync(owner.RunId));
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(6, false)] // of 8: the usual renewal is in time
    public async Task Who_stores_points_keeps_the_item_for_as_long_as_it_stores(int left, bool renewed)
    {
        var owner = await ClaimAsync(await Database.AddRunAsync(), seconds: left);
        var before = await LeftAsync();

        Assert.True(await WriteAsync(owner, Batch(PointsAt(1, 1, 0.5))));

        if (renewed) Assert.InRange(await LeftAsync(), 7, 8);
        else Assert.InRange(await LeftAsync(), before - 3, before);

        Task<double> LeftAsync()
            => Database.ScalarAsync<double>("select extract(epoch from lease_until - clock_timestamp())::float8 from work_items");
    }

    [Fact]
    public async Task Batches_of_a_run_that_meet_are_numbered_without_a_hole()
    {
        var owner = await ClaimAsync(await Database.AddRunAsync());
        await Task.WhenAll(Enumerable.Range(1, 20)
            .Select(place => WriteAsync(owner, new JournalBatch([PointsAt(1000 + place, place, place)], 0, false))));
        Assert.Equal(Enumerable.Range(1, 20).Select(seq => (long)seq), (await PointsAsync(owner.RunId)).Select(point => point.Seq));
    }

    [Fact]
    public async Task A_resumed_attempt_takes_the_place_of_later_steps_and_keeps_the_earlier_ones()
    {
        var first = await ClaimAsync(await Database.AddRunAsync(), seconds: -1);
        await WriteAsync(first, Batch(StartedAt(0), PointsAt(2, 1, 1), PointsAt(3, 2, 2), PointsAt(4, 3, 3)));
        var second = await ClaimAsync(first.RunId);
        Assert.Equal([1, 2, 3], await StepsAsync(first.RunId)); // nothing is superseded by an attempt that has not begun

        await WriteAsync(second, Batch(PointsAt(5, 4, 4)), attempt: 1); // found in the journal of the first
        Assert.Equal([1, 2, 3, 4], await StepsAsync(first.RunId));

        await WriteAsync(second, Batch(StartedAt(2), PointsAt(2, 3, 33)));
        var series = Assert.Single((await new PointReader(Database).ReadAsync(first.RunId, new PointQuery()))!.Series);
        Assert.Equal([1, 2, 33], series.Values);
        Assert.Equal(3, await Database.ScalarAsync<long>("select step from runs"));
    }

    [Fact]
    public async Task What_a_dead_attempt_wrote_after_its_successor_went_over_it_is_left_out()
    {
        var first = await ClaimAsync(await Database.AddRunAsync(), seconds: -1);
        await WriteAsync(first, Batch(StartedAt(0), PointsAt(2, 1, 1)));
        var second = await ClaimAsync(first.RunId, seconds: -1);
        await WriteAsync(second, Batch(StartedAt(1), PointsAt(2, 2, 22)));
        var third = await ClaimAsync(first.RunId);

        await WriteAsync(third, Batch(PointsAt(3, 1, 1, "late"), PointsAt(4, 2, 2), PointsAt(5, 3, 3)), attempt: 1);

        Assert.Equal([("late", 1L), ("train/loss", 1L), ("train/loss", 2L)],
            await Database.RowsAsync<(string, long)>("select name, step from points join metrics on id = metric_id order by 1, 2"));
    }

    [Fact]
    public async Task A_lost_attempt_supersedes_from_where_its_trainer_resumed_even_when_that_is_read_by_its_successor()
    {
        var first = await ClaimAsync(await Database.AddRunAsync(), seconds: -1);
        await WriteAsync(first, Batch(StartedAt(0), PointsAt(2, 1, 1), PointsAt(3, 2, 2)));
        var second = await ClaimAsync(first.RunId, seconds: -1);
        await WriteAsync(second, Batch(PointsAt(4, 3, 3), PointsAt(5, 4, 4)), attempt: 1);
        // The worker of the second attempt dies before it has read a line of its own trainer, which resumed at step 2.
        var third = await ClaimAsync(first.RunId);
        await WriteAsync(third, Batch(StartedAt(2), PointsAt(2, 3, 33), PointsAt(3, 4, 44), PointsAt(4, 5, 55)), attempt: 2);
        await WriteAsync(third, Batch(StartedAt(5), PointsAt(2, 6, 66)));

        Assert.Equal([0L, 2, 5], await Database.RowsAsync<long>("select resumed_step from journals order by attempt"));
        var series = Assert.Single((await new PointReader(Database).ReadAsync(first.RunId, new PointQuery()))!.Series);
        Assert.Equal([1L, 2, 3, 4, 5, 6], series.Steps);
        Assert.Equal([1, 2, 33, 44, 55, 66], series.Values);
    }

    [Fact]
    public async Task Numbers_that_are_none_are_kept()
    {
        var owner = await ClaimAsync(await Database.AddRunAsync());
        await WriteAsync(owner, Batch(
            PointsAt(1, 1, double.NaN), PointsAt(2, 2, double.PositiveInfinity), PointsAt(3, 3, double.NegativeInfinity)));

        Assert.Equal(
            [double.NaN, double.PositiveInfinity, double.NegativeInfinity],
            (await PointsAsync(owner.RunId)).Select(point => point.Value));
        Assert.Equal("{\"train/loss\": \"-Infinity\"}", await Database.ScalarAsync<string>("select latest::text from runs"));
    }

    [Fact]
    public async Task Text_that_PostgreSQL_does_not_take_is_stored_without_it()
    {
        var owner = await ClaimAsync(await Database.AddRunAsync());
        var message = new MessageEvent(MessageLevel.Info, "a\0b" + new string('x', 5000)) { N = 1, At = DateTimeOffset.UnixEpoch };

        Assert.True(await WriteAsync(owner, Batch(message, PointsAt(2, 1, 0.5, "odd\0name"))));

        Assert.Equal(
            [("info", "abx", 4002L)],
            await Database.RowsAsync<(string, string, long)>("select level, left(text, 3), length(text)::bigint from log_lines"));
        Assert.Equal("oddname", await Database.ScalarAsync<string>("select name from points join metrics on id = metric_id"));
    }

    [Fact]
    public async Task Ten_thousand_points_take_a_moment()
    {
        var owner = await ClaimAsync(await Database.AddRunAsync());
        var events = Enumerable.Range(1, 10_000).Select(step => (TrainingEvent)PointsAt(step, step, step)).ToArray();
        await WriteAsync(owner, Batch(PointsAt(10_001, 10_001, 0)));
        await Database.ScalarAsync<int>("update journals set stored_line = 0 returning 1");

        var watch = System.Diagnostics.Stopwatch.StartNew();
        await WriteAsync(owner, Batch(events));

        Xunit.TestContext.Current.TestOutputHelper?.WriteLine($"10,000 points in {watch.ElapsedMilliseconds} ms");
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{watch.Elapsed}");
    }

    private async Task<Assignment> ClaimAsync(long run, double seconds = 60)
    {
        await Database.LoseAsync(run); // whoever has had it
        return await Database.ClaimAsync(run, seconds);
    }

    private Task<bool> WriteAsync(Assignment owner, JournalBatch batch, int? attempt = null, IReadOnlyList<ErrorLine>? errors = null) =>
        Writer.WriteAsync(owner, attempt ?? owner.Attempt, batch, errors ?? [], announce: true);

    private Task<IReadOnlyList<(long Seq, long Step, double Value)>> PointsAsync(long run) =>
        Database.RowsAsync<(long Seq, long Step, double Value)>(
            "select seq, step, value from points where run_id = @run order by seq", new { run });

    private async Task<IEnumerable<long>> StepsAsync(long run)
        => (await new PointReader(Database).ReadAsync(run, new PointQuery()))!.Series.Single().Steps;
}
