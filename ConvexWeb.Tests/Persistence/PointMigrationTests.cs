using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Runs;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Persistence;

/// <summary>Points of a database that had a row for each.</summary>
public sealed class PointMigrationTests(PostgresCluster cluster) : DatabaseTest(cluster, migrated: false)
{
    private const string Rows =
        "select row(run_id, seq, metric_id, step, attempt, epoch, value, at)::text from points order by run_id, seq";

    [Fact]
    public async Task Rows_become_chunks_and_journals_and_read_as_before()
    {
        var old = Migration.Embedded.TakeWhile(migration => migration.Name != "0009_point_chunks").ToList();
        await new Migrator(Database, old).ApplyAsync();
        var run = await Database.AddOldRunAsync();
        var other = await Database.AddOldRunAsync();
        await AddRowsAsync(run, other);
        var before = await RowsAsync();

        await new Migrator(Database).ApplyAsync();

        Assert.Equal(3 * 1000 + 4 + 2 + 3 + 1, before.Count);
        Assert.Equal(before, await RowsAsync());
        Assert.Equal(
            [
                (1, 1000L, 1000, 334), (1, 2000, 1000, 334), (1, 3000, 1000, 334), (1, 3002, 2, 1),
                (2, 3005, 3, 2), (1, 3006, 1, 1), (2, 3009, 3, 2),
            ],
            await Database.RowsAsync<(int, long, int, int)>(
                """
                select attempt, last_seq, cardinality("values"), cardinality(steps) from point_chunks where run_id = @run order by last_seq
                """, new { run }));
        Assert.Equal(
            [(1, 0L, 1010L, 1001L, "{1,2,3}", 1L, null), (2, 900, 7, 902, "{1,2}", 3003L, 3007L)],
            await Database.RowsAsync<(int, long, long, long?, string?, long?, long?)>(
                """
                select attempt, resumed_step, stored_line, last_step, last_metrics::text, first_seq, overlap_seq
                from journals where run_id = @run order by attempt
                """, new { run }));

        var batch = (await new PointReader(Database).ReadAsync(run, new PointQuery()))!;
        Assert.Equal(["a", "b", "c"], batch.Series.Select(series => series.Metric));
        Assert.Equal([.. Enumerable.Range(1, 900).Select(step => (long)step), 901, 902], batch.Series[0].Steps);
        Assert.Equal([-900.0, -901, -902], batch.Series[0].Values.TakeLast(3));
        Assert.Equal(900, batch.Series[2].Steps[^1]);
        Assert.Equal(900, await RewindAsync(run, 3000));
        Assert.Null(await RewindAsync(run, 3004));
    }

    [Fact]
    public async Task A_run_goes_on_where_it_was()
    {
        var old = Migration.Embedded.TakeWhile(migration => migration.Name != "0009_point_chunks").ToList();
        await new Migrator(Database, old).ApplyAsync();
        var run = await Database.AddOldRunAsync();
        await AddRowsAsync(run, await Database.AddOldRunAsync());
        await new Migrator(Database).ApplyAsync();

        var writer = new PointWriter(Database, new MetricIds(Database), new());
        var item = await Database.ScalarAsync<long>("select id from work_items where run_id = @run", new { run });
        var owner = new Assignment(default, item, WorkKind.Run, run, 2);
        Assert.Equal(
            [(1, 1010L), (2, 7L)],
            (await writer.StoredAsync(owner with { Attempt = 3 })).Select(stored => (stored.Number, stored.Line)));
        var again = TrainingDatabase.Batch(
            TrainingDatabase.PointsAt(7, 903, 1, "a"), // its line is stored
            TrainingDatabase.PointsAt(8, 902, 1, "a"), TrainingDatabase.PointsAt(9, 902, 5, "c"),
            TrainingDatabase.PointsAt(10, 903, 6, "a"));
        Assert.True(await writer.WriteAsync(owner, 2, again, [], announce: false));

        Assert.Equal(
            [(3010L, (short)3, 902L, 5.0), (3011, 1, 903, 6)],
            await Database.RowsAsync<(long, short, long, double)>(
                "select seq, metric_id, step, value from points where run_id = @run and seq > 3009 order by seq", new { run }));
    }

    private async Task<long?> RewindAsync(long run, long after)
        => (await new PointReader(Database).ReadAsync(run, new() { After = after }))!.Rewind;

    private Task<IReadOnlyList<string>> RowsAsync() => Database.RowsAsync<string>(Rows);

    // Attempt 1: a thousand steps of three metrics and one more of two; attempt 2 from step 900, with a late point of the first between.
    private async Task AddRowsAsync(long run, long other) => await Database.ScalarAsync<int>(
        """
        insert into metrics (name) values ('a'), ('b'), ('c');
        insert into attempts (run_id, number, worker, lease_until, resumed_step, journal_n)
        values (@run, 1, 'w', now(), 0, 1010), (@run, 2, 'w', now(), 900, 7), (@other, 1, 'w', now(), 0, 2), (@other, 2, 'w', now(), 0, 0);
        insert into points (run_id, metric_id, step, attempt, epoch, value, seq, at)
        select @run, 1 + (seq - 1) % 3, 1 + (seq - 1) / 3, 1, (1 + (seq - 1) / 3) / 8.0, seq, seq,
            '2026-01-01'::timestamptz + (1 + (seq - 1) / 3) * interval '1 second'
        from generate_series(1, 3000) seq;
        insert into points (run_id, metric_id, step, attempt, epoch, value, seq, at) values
            (@run, 1, 1001, 1, 125.125, 'NaN', 3001, '2026-01-02'), (@run, 2, 1001, 1, 125.125, 'Infinity', 3002, '2026-01-02'),
            (@run, 1, 900, 2, 112.5, -900, 3003, '2026-01-03'),
            (@run, 1, 901, 2, 112.625, -901, 3004, '2026-01-03'), (@run, 2, 901, 2, 112.625, -1901, 3005, '2026-01-03'),
            (@run, 3, 1001, 1, 125.125, 9, 3006, '2026-01-04'),
            (@run, 3, 899, 2, 112.375, -899, 3007, '2026-01-05'),
            (@run, 1, 902, 2, 112.75, -902, 3008, '2026-01-05'), (@run, 2, 902, 2, 112.75, -1902, 3009, '2026-01-05'),
            (@other, 2, 1, 1, 0, 0.5, 1, '2026-01-01');
        update runs set state = 'Running', attempt = 2, last_seq = 3009, step = 902 where id = @run;
        update runs set state = 'Queued', attempt = 2, last_seq = 1, step = 1 where id = @other;
        select 1
        """, new { run, other });
}
