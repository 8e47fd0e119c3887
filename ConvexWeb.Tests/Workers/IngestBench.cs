using System.Globalization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Runs;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using Npgsql;

namespace ConvexWeb.Tests.Workers;

/// <summary>
/// <c>./convexweb bench ingest</c>: how fast points are stored and read, and what they take on the disk. In a private database as the
/// product starts it, which waits for the disk; not in that of the tests. CONVEX_INGEST_SECONDS makes the two minutes shorter.
/// </summary>
[Trait("kind", "database")]
public sealed class IngestBench : IAsyncLifetime
{
    private const int Writers = 20;
    private const int PointsPerBatch = 1000;
    private const int Million = 1_000_000;

    private readonly TestFolder folder = new();
    private PrivateCluster cluster = null!;
    private NpgsqlDataSource database = null!;

    private static TimeSpan Length => TimeSpan.FromSeconds(
        int.Parse(Environment.GetEnvironmentVariable("CONVEX_INGEST_SECONDS") ?? "120", CultureInfo.InvariantCulture));

    public async ValueTask InitializeAsync()
    {
        var place = Path.Combine(folder.Path, "pg");
        cluster = await PrivateCluster.StartAsync(place);
        database = NpgsqlDataSource.Create(PrivateCluster.ConnectionString(place));
        await new Migrator(database).ApplyAsync();
    }

    /// <summary>Without a rate each writer sends its next batch when the last is stored, so that 20 are always on their way.</summary>
    [Theory(Explicit = true)]
    [Trait("bench", "ingest")]
    [InlineData(60_000)]
    [InlineData(0)]
    public async Task Twenty_writers_with_batches_of_a_thousand(int pointsPerSecond)
    {
        var length = pointsPerSecond > 0 ? Length : Length / 4;
        var owners = await ClaimAsync(Writers);
        var pause = pointsPerSecond > 0 ? TimeSpan.FromSeconds((double)Writers * PointsPerBatch / pointsPerSecond) : TimeSpan.Zero;
        var begun = TimeProvider.System.GetTimestamp();
        var times = await Task.WhenAll(owners.Select((owner, place) => Task.Run(() => WriteAsync(
            owner, reports: PointsPerBatch / 5, metrics: 5, pause, start: pause * place / Writers,
            _ => TimeProvider.System.GetElapsedTime(begun) < length))));
        var points = await PointsAsync();
        var seconds = TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        var pace = pointsPerSecond > 0 ? $"at {pointsPerSecond:N0} points/s" : "as fast as they can";
        Report($"20 writers with 1,000 points each time, {pace}", times, points, seconds);
        await ReportSizeAsync(points);
        if (pointsPerSecond == 0) return;
        Assert.True(points / seconds > 50_000, $"{points / seconds:0} points/s");
        Assert.True(At([.. times.SelectMany(all => all).Order()], 0.95) < 50, "p95 is not below 50 ms");
    }

    /// <summary>As trainers report that are watched: six values at a time. A worker waits 50 ms between two batches of a run.</summary>
    [Theory(Explicit = true)]
    [Trait("bench", "ingest")]
    [InlineData(50)]
    [InlineData(0)]
    public async Task Live_training_with_small_batches(int pause)
    {
        var owners = await ClaimAsync(Writers);
        var length = Length / 4;
        var begun = TimeProvider.System.GetTimestamp();
        var apart = TimeSpan.FromMilliseconds(pause);
        var times = await Task.WhenAll(owners.Select(owner => Task.Run(() => WriteAsync(
            owner, reports: 1, metrics: 6, apart, TimeSpan.Zero, _ => TimeProvider.System.GetElapsedTime(begun) < length))));
        var points = await PointsAsync();
        var seconds = TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        Report($"20 writers with 6 points each time, {pause} ms apart", times, points, seconds);
        await ReportSizeAsync(points);
    }

    [Fact(Explicit = true)]
    [Trait("bench", "ingest")]
    public async Task A_run_of_a_million_points()
    {
        var owner = (await ClaimAsync(1)).Single();
        var times = await WriteAsync(
            owner, PointsPerBatch, metrics: 1, TimeSpan.Zero, TimeSpan.Zero, done => done < Million / PointsPerBatch);
        foreach (var (name, some) in new[] { ("first", times.Take(times.Count / 10)), ("last", times.TakeLast(times.Count / 10)) })
        {
            var all = some.Order().ToList();
            Say($"{name} tenth of a million: {all.Count * PointsPerBatch / all.Sum() * 1000:N0} points/s, p50 {At(all, 0.5):0.0} ms");
        }
        await ReportSizeAsync(Million);

        var reader = new PointReader(database);
        for (var i = 0; i < 3; i++)
        {
            var begun = TimeProvider.System.GetTimestamp();
            var (read, pages) = (0, 0);
            for (PointBatch? page = null; page?.More != false; pages++)
            {
                page = await reader.ReadAsync(owner.RunId, new() { After = page?.Seq ?? 0 });
                read += page!.Series.Sum(series => series.Steps.Count);
            }
            Assert.Equal(Million, read);
            Say($"read of the million in {pages} pages: {TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds:0} ms");
        }
        var asked = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 100; i++) await reader.ReadAsync(owner.RunId, new() { After = Million - 6, Limit = 20_000 });
        Say($"read of the newest six: {TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds / 100:0.0} ms");
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await cluster.DisposeAsync();
        folder.Dispose();
    }

    private async Task<IReadOnlyList<Assignment>> ClaimAsync(int count)
    {
        var owners = new List<Assignment>();
        for (var i = 0; i < count; i++) owners.Add(await database.ClaimAsync(await database.AddRunAsync(), seconds: 3600));
        return owners;
    }

    /// <returns>How long each batch took, in milliseconds.</returns>
    private async Task<IReadOnlyList<double>> WriteAsync(
        Assignment owner, int reports, int metrics, TimeSpan pause, TimeSpan start, Func<int, bool> goesOn)
    {
        var writer = new PointWriter(database, new MetricIds(database));
        var random = new Random((int)owner.RunId);
        var names = Enumerable.Range(0, metrics).Select(number => $"metric {number}").ToList();
        var (times, line) = (new List<double>(), 0L);
        var begun = TimeProvider.System.GetTimestamp();
        while (goesOn(times.Count))
        {
            var events = Enumerable.Range(0, reports).Select(TrainingEvent (_) => new PointsEvent(
                ++line * 10, line / 39.0, names.ToDictionary(name => name, _ => random.NextDouble() + (1.0 / line)))
            {
                N = line,
                At = TimeProvider.System.GetUtcNow(),
            }).ToList();
            var due = start + (pause * times.Count) - TimeProvider.System.GetElapsedTime(begun);
            if (due > TimeSpan.Zero) await Task.Delay(due);
            var sent = TimeProvider.System.GetTimestamp();
            Assert.True(await writer.WriteAsync(owner, owner.Attempt, new(events, line, More: false), [], announce: false));
            times.Add(TimeProvider.System.GetElapsedTime(sent).TotalMilliseconds);
        }
        return times;
    }

    private Task<long> PointsAsync() => database.ScalarAsync<long>("select sum(last_seq)::bigint from runs");

    private async Task ReportSizeAsync(long points)
    {
        var (chunks, tails) = (await database.RowsAsync<(long, long)>(
            "select pg_total_relation_size('point_chunks'), pg_total_relation_size('point_tails')")).Single();
        var perPoint = (chunks + tails) / (double)points;
        Say($"{points:N0} points: {perPoint:0.0} bytes each ({chunks:N0} of chunks, {tails:N0} of tails)");
        Assert.True(perPoint < 60, $"{perPoint} bytes per point");
    }

    private static void Report(string what, IReadOnlyList<double>[] times, long points, double seconds)
    {
        var sorted = times.SelectMany(all => all).Order().ToList();
        Say($"{what}: {points / seconds:N0} points/s for {seconds:0} s, {sorted.Count:N0} batches, "
            + $"p50 {At(sorted, 0.5):0.0} ms, p95 {At(sorted, 0.95):0.0} ms, max {sorted[^1]:0} ms");
    }

    private static double At(List<double> sorted, double share) => sorted[(int)(share * (sorted.Count - 1))];

    private static void Say(string line) => Xunit.TestContext.Current.TestOutputHelper?.WriteLine(line);
}
