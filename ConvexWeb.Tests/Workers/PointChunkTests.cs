using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Runs;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using static ConvexWeb.Tests.Workers.TrainingDatabase;

namespace ConvexWeb.Tests.Workers;

/// <summary>How points lie in the database: the tail of a run, and the chunks that it becomes.</summary>
public sealed class PointChunkTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private sealed record Row(long Seq, short Metric, long Step, int Attempt, double Epoch, double Value, DateTime At);

    private PointWriter Writer => new(Database, new MetricIds(Database), new());

    [Fact]
    public async Task Small_batches_wait_in_the_tail_and_keep_value_and_number_when_they_become_a_chunk()
    {
        var owner = await Database.ClaimAsync(await Database.AddRunAsync());
        var line = 0;
        while (await ChunksAsync() == 0 && line < 1000) await WriteAsync(owner, Reports(++line, line));
        for (var i = 0; i < 3; i++) await WriteAsync(owner, Reports(++line, line));

        Assert.InRange(line, 10, 100);
        Assert.Equal(1, await ChunksAsync());
        await AssertIsAsync(owner.RunId, Enumerable.Range(1, line));
        Assert.True(await Database.ScalarAsync<long>("select max(pg_column_size(t.*)) from point_tails t") < 4096);
    }

    [Fact]
    public async Task The_pages_of_a_reader_do_not_change_when_the_tail_becomes_a_chunk()
    {
        var owner = await Database.ClaimAsync(await Database.AddRunAsync());
        for (var step = 1; step <= 20; step++) await WriteAsync(owner, Reports(step, step));
        Assert.Equal(0, await ChunksAsync());
        var before = await PagesAsync(owner.RunId, 7);

        await WriteAsync(owner, Batch(new StoppedEvent(20) { N = 21, At = DateTimeOffset.UnixEpoch }));

        Assert.Equal((1L, 0L), (await ChunksAsync(), await Database.ScalarAsync<long>("select count(*) from point_tails")));
        Assert.Equal(before, await PagesAsync(owner.RunId, 7));
        Assert.Equal(60, before.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(300)]
    [InlineData(682)] // the last report of a chunk is cut: its points are in two
    [InlineData(3000)]
    public async Task A_batch_of_any_size_follows_what_is_in_the_tail(int reports)
    {
        var owner = await Database.ClaimAsync(await Database.AddRunAsync());
        await WriteAsync(owner, Reports(1, 1, 2));
        await WriteAsync(owner, Reports(3, [.. Enumerable.Range(3, reports)]));
        await WriteAsync(owner, Reports(reports + 3, reports + 3));

        await AssertIsAsync(owner.RunId, Enumerable.Range(1, reports + 3));
        Assert.True(await Database.ScalarAsync<int>("select coalesce(max(cardinality(\"values\")), 0) from point_chunks") <= 2048);
    }

    [Fact]
    public async Task A_chunk_that_is_delivered_twice_is_stored_once()
    {
        var owner = await Database.ClaimAsync(await Database.AddRunAsync());
        var batch = Reports(1, [.. Enumerable.Range(1, 500)]);

        await WriteAsync(owner, batch);
        await WriteAsync(owner, batch);
        await AssertIsAsync(owner.RunId, Enumerable.Range(1, 500));

        // The journal counted from another line: only the values themselves tell.
        await WriteAsync(owner, Reports(501, [.. Enumerable.Range(400, 200)]));
        await AssertIsAsync(owner.RunId, Enumerable.Range(1, 599));
    }

    [Fact]
    public async Task Further_metrics_of_the_newest_step_are_stored_and_doubled_ones_are_not()
    {
        var owner = await Database.ClaimAsync(await Database.AddRunAsync());
        await WriteAsync(owner, Batch(PointsAt(1, 5, 1, "a")));
        await WriteAsync(owner, Batch(PointsAt(2, 5, 2, "b"), PointsAt(3, 5, 9, "a")));
        await WriteAsync(owner, Batch(PointsAt(4, 5, 9, "b"), PointsAt(5, 5, 3, "c"), PointsAt(6, 3, 4, "a")));
        await WriteAsync(owner, Batch(PointsAt(7, 3, 9, "a"), PointsAt(8, 3, 5, "b")));

        Assert.Equal(
            [("a", 5L, 1.0), ("b", 5, 2), ("c", 5, 3), ("a", 3, 4), ("b", 3, 5)],
            await Database.RowsAsync<(string, long, double)>(
                "select name, step, value from points join metrics on id = metric_id order by seq"));
    }

    [Fact]
    public async Task Attempts_that_take_turns_have_chunks_of_their_own()
    {
        var first = await Database.ClaimAsync(await Database.AddRunAsync(), seconds: -1);
        await WriteAsync(first, Batch(StartedAt(0)));
        await WriteAsync(first, Reports(2, 1, 2, 3));
        await Database.LoseAsync(first.RunId);
        var second = await Database.ClaimAsync(first.RunId, seconds: -1);
        await WriteAsync(second, Batch(StartedAt(2)));
        await WriteAsync(second, Reports(2, 3, 4));
        await Database.LoseAsync(first.RunId);
        var third = await Database.ClaimAsync(first.RunId);
        await WriteAsync(third, Reports(5, 2, 4, 5), attempt: 1); // all stored, or gone over by the second
        await WriteAsync(third, Reports(4, 5, 6), attempt: 2);
        await WriteAsync(third, Batch(StartedAt(5)));
        await WriteAsync(third, Reports(2, 6, 7));

        Assert.Equal(
            [(1, 9L), (2, 21)], await Database.RowsAsync<(int, long)>("select attempt, last_seq from point_chunks order by last_seq"));
        Assert.Equal([(3, 27L)], await Database.RowsAsync<(int, long)>("select attempt, last_seq from point_tails"));
        await AssertIsAsync(first.RunId, [1, 2, 3, 4, 5, 6, 7], rows: [1, 2, 3, 3, 4, 5, 6, 6, 7]);
    }

    [Fact]
    public async Task A_deleted_run_takes_its_points_along()
    {
        var owner = await Database.ClaimAsync(await Database.AddRunAsync());
        await WriteAsync(owner, Reports(1, [.. Enumerable.Range(1, 800)]));
        await WriteAsync(owner, Reports(801, 801));

        await Database.ScalarAsync<int>("delete from runs; select 1");

        Assert.Equal(0, await Database.ScalarAsync<long>(
            "select (select count(*) from point_chunks) + (select count(*) from point_tails) + (select count(*) from journals)"));
    }

    private Task<long> ChunksAsync() => Database.ScalarAsync<long>("select count(*) from point_chunks");

    private static double Value(long step, string metric) => step + (metric[0] / 1000.0);

    // Three metrics of each step.
    private static JournalBatch Reports(long line, params int[] steps) => Batch(
        [.. steps.Select((step, place) => new PointsEvent(
            step, step / 8.0, new[] { "a", "b", "c" }.ToDictionary(metric => metric, metric => Value(step, metric)))
            {
                N = line + place,
                At = DateTimeOffset.UnixEpoch.AddSeconds(step),
            })]);

    private async Task WriteAsync(Assignment owner, JournalBatch batch, int? attempt = null)
        => Assert.True(await Writer.WriteAsync(owner, attempt ?? owner.Attempt, batch, [], announce: false));

    // The reader has these steps, and the rows of the view, in the order of their numbers, those.
    private async Task AssertIsAsync(long run, IEnumerable<int> steps, IEnumerable<int>? rows = null)
    {
        var expected = steps.Select(step => (long)step).ToList();
        var batch = (await new PointReader(Database).ReadAsync(run, new PointQuery()))!;
        Assert.Equal(["a", "b", "c"], batch.Series.Select(series => series.Metric));
        foreach (var series in batch.Series)
        {
            Assert.Equal(expected, series.Steps);
            Assert.Equal(expected.Select(step => step / 8.0), series.Epochs);
            Assert.Equal(expected.Select(step => Value(step, series.Metric)), series.Values);
        }
        Assert.Equal(DateTimeOffset.UnixEpoch.AddSeconds(expected[^1]), batch.At);

        var found = await Database.RowsAsync<Row>(
            """
            select seq, metric_id as Metric, step, attempt, epoch, value, at from points where run_id = @run order by seq
            """, new { run });
        var names = (await Database.RowsAsync<(short Id, string Name)>("select id, name from metrics"))
            .ToDictionary(metric => metric.Id, metric => metric.Name);
        Assert.Equal(Enumerable.Range(1, found.Count).Select(seq => (long)seq), found.Select(row => row.Seq));
        Assert.Equal((rows ?? steps).SelectMany(step => Enumerable.Repeat((long)step, 3)), found.Select(row => row.Step));
        Assert.All(found, row => Assert.Equal(
            (row.Step / 8.0, Value(row.Step, names[row.Metric]), DateTime.UnixEpoch.AddSeconds(row.Step)), (row.Epoch, row.Value, row.At)));
        Assert.Equal(found.Count, await Database.ScalarAsync<long>("select last_seq from runs where id = @run", new { run }));
    }

    private async Task<IReadOnlyList<string>> PagesAsync(long run, int limit)
    {
        var found = new List<string>();
        var reader = new PointReader(Database);
        for (var after = 0L; ;)
        {
            var page = (await reader.ReadAsync(run, new() { After = after, Limit = limit }))!;
            found.AddRange(page.Series.SelectMany(series =>
                series.Steps.Zip(series.Values, (step, value) => $"{page.After}-{page.Seq} {series.Metric} {step} {value:R} {page.At:O}")));
            after = page.Seq;
            if (!page.More) return found;
        }
    }
}
