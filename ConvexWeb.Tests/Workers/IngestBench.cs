using System.Globalization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Live;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using Npgsql;

namespace ConvexWeb.Tests.Workers;

/// <summary>
/// <c>./convexweb bench ingest</c>: how fast points are stored and read, and what they take on the disk. Real are PostgreSQL, as the
/// product starts it, which waits for the disk; a server process, whose hub sends every point to a live connection; and readers over HTTP.
/// The writers are the workers' own (<see cref="PointWriter"/>, with announcements), without trainers and journals, in the bench's
/// process. CONVEX_INGEST_SECONDS makes the two minutes shorter.
/// </summary>
[Trait("kind", "database")]
public sealed class IngestBench : IAsyncLifetime
{
    private const int Writers = 20;
    private const int PointsPerBatch = 1000;
    private const int Million = 1_000_000;

    // The last tenth of a million is to be stored at this share of the first tenth's rate or better; short stalls of the disk are in it.
    private const double SameRate = 0.75;

    private ProcessLab lab = null!;
    private ProcessLab.WebNode web = null!;
    private string secret = "";

    private static TimeSpan Length => TimeSpan.FromSeconds(
        int.Parse(Environment.GetEnvironmentVariable("CONVEX_INGEST_SECONDS") ?? "120", CultureInfo.InvariantCulture));

    private NpgsqlDataSource Database => lab.Database;

    public async ValueTask InitializeAsync()
    {
        lab = await ProcessLab.StartAsync();
        web = await lab.StartWebAsync();
        secret = await lab.AddUserAsync("ada");
    }

    [Fact(Explicit = true)]
    [Trait("bench", "ingest")]
    public async Task Twenty_writers_with_batches_of_a_thousand_and_live_watchers()
    {
        const int pointsPerSecond = 60_000;
        var pause = TimeSpan.FromSeconds((double)Writers * PointsPerBatch / pointsPerSecond);
        var (rate, p95) = await WriteBatchesAsync(Length, pause, $"at {pointsPerSecond:N0} points/s", isWatched: true);
        Assert.True(rate > 50_000, $"{rate:0} points/s");
        Assert.True(p95 < 50, $"p95 {p95:0} ms");
    }

    /// <summary>Each writer sends its next batch when the last is stored, so that 20 are always on their way; no browser watches.</summary>
    [Fact(Explicit = true)]
    [Trait("bench", "ingest")]
    public Task Twenty_writers_as_fast_as_they_can()
        => WriteBatchesAsync(Length / 4, TimeSpan.Zero, "as fast as they can, no watcher", isWatched: false);

    private async Task<(double Rate, double P95)> WriteBatchesAsync(TimeSpan length, TimeSpan pause, string pace, bool isWatched)
    {
        var owners = await ClaimAsync(Writers);
        await using var audience = await Audience.OpenAsync(web, secret, isWatched ? owners.Select(owner => owner.RunId) : []);
        var begun = TimeProvider.System.GetTimestamp();
        var times = await Task.WhenAll(owners.Select((owner, place) => Task.Run(() => WriteAsync(
            owner, reports: PointsPerBatch / 5, metrics: 5, pause, start: pause * place / Writers,
            _ => TimeProvider.System.GetElapsedTime(begun) < length))));
        var seconds = TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        var points = await PointsAsync();
        var p95 = Report($"20 writers with 1,000 points each time, {pace}", times, points, seconds);
        if (isWatched) await audience.ReportAsync(Database);
        await ReportSizeAsync(points);
        return (points / seconds, p95);
    }

    /// <summary>As trainers report that are watched: six values at a time. A worker waits 50 ms between two batches of a run.</summary>
    [Theory(Explicit = true)]
    [Trait("bench", "ingest")]
    [InlineData(50)]
    [InlineData(0)]
    public async Task Live_training_with_small_batches(int pause)
    {
        var isWatched = pause > 0;
        var owners = await ClaimAsync(Writers);
        await using var audience = await Audience.OpenAsync(web, secret, isWatched ? owners.Select(owner => owner.RunId) : []);
        var length = Length / 4;
        var begun = TimeProvider.System.GetTimestamp();
        var apart = TimeSpan.FromMilliseconds(pause);
        var times = await Task.WhenAll(owners.Select(owner => Task.Run(() => WriteAsync(
            owner, reports: 1, metrics: 6, apart, TimeSpan.Zero, _ => TimeProvider.System.GetElapsedTime(begun) < length))));
        var seconds = TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        var points = await PointsAsync();
        var watched = isWatched ? "watched" : "no watcher";
        Report($"20 writers with 6 points each time, {pause} ms apart, {watched}", times, points, seconds);
        if (isWatched) await audience.ReportAsync(Database);
        await ReportSizeAsync(points);
    }

    [Fact(Explicit = true)]
    [Trait("bench", "ingest")]
    public async Task A_run_of_a_million_points_at_the_same_rate_at_its_end()
    {
        var owner = (await ClaimAsync(1)).Single();
        await using var audience = await Audience.OpenAsync(web, secret, [owner.RunId]);
        var times = await WriteAsync(
            owner, PointsPerBatch, metrics: 1, TimeSpan.Zero, TimeSpan.Zero, done => done < Million / PointsPerBatch);
        var first = RateOf("first", times.Take(times.Count / 10));
        var last = RateOf("last", times.TakeLast(times.Count / 10));
        await audience.ReportAsync(Database);
        await ReportSizeAsync(Million);
        await ReadAsync(owner.RunId);
        Assert.True(last > SameRate * first, $"{first:N0} points/s in the first tenth, {last:N0} in the last");
    }

    private static double RateOf(string tenth, IEnumerable<double> some)
    {
        var times = some.Order().ToList();
        var rate = times.Count * PointsPerBatch / times.Sum() * 1000;
        ProcessLab.Say($"{tenth} tenth of a million, watched: {rate:N0} points/s, p50 {At(times, 0.5):0.0} ms");
        return rate;
    }

    private async Task ReadAsync(long run)
    {
        using var client = web.Client(secret);
        for (var i = 0; i < 3; i++)
        {
            var begun = TimeProvider.System.GetTimestamp();
            var (read, pages) = (0, 0);
            for (PointBatch? page = null; page?.More != false; pages++)
            {
                page = await client.GetAsync<PointBatch>($"/api/v1/runs/{run}/points?after={page?.Seq ?? 0}");
                read += page.Series.Sum(series => series.Steps.Count);
            }
            Assert.Equal(Million, read);
            ProcessLab.Say(
                $"read of the million over HTTP in {pages} pages: {TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds:0} ms");
        }
        var asked = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 100; i++) await client.GetAsync<PointBatch>($"/api/v1/runs/{run}/points?after={Million - 6}");
        ProcessLab.Say(
            $"read of the newest six over HTTP: {TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds / 100:0.0} ms");
    }

    public ValueTask DisposeAsync() => lab.DisposeAsync();

    private async Task<IReadOnlyList<Assignment>> ClaimAsync(int count)
    {
        var owners = new List<Assignment>();
        for (var i = 0; i < count; i++) owners.Add(await Database.ClaimAsync(await Database.AddRunAsync(), seconds: 3600));
        return owners;
    }

    /// <returns>How long each batch took, in milliseconds.</returns>
    private async Task<IReadOnlyList<double>> WriteAsync(
        Assignment owner, int reports, int metrics, TimeSpan pause, TimeSpan start, Func<int, bool> goesOn)
    {
        var writer = new PointWriter(Database, new MetricIds(Database), new());
        var random = new Random((int)owner.RunId);
        var names = Enumerable.Range(0, metrics).Select(number => $"metric {number}").ToList();
        var (times, line) = (new List<double>(), 0L);
        var begun = TimeProvider.System.GetTimestamp();
        while (goesOn(times.Count))
        {
            var due = start + (pause * times.Count) - TimeProvider.System.GetElapsedTime(begun);
            if (due > TimeSpan.Zero) await Task.Delay(due);
            var events = Enumerable.Range(0, reports).Select(TrainingEvent (_) => new PointsEvent(
                ++line * 10, line / 39.0, names.ToDictionary(name => name, _ => random.NextDouble() + (1.0 / line)))
            {
                N = line,
                At = TimeProvider.System.GetUtcNow(),
            }).ToList();
            var sent = TimeProvider.System.GetTimestamp();
            Assert.True(await writer.WriteAsync(owner, owner.Attempt, new(events, line, More: false), [], announce: true));
            times.Add(TimeProvider.System.GetElapsedTime(sent).TotalMilliseconds);
        }
        return times;
    }

    private Task<long> PointsAsync() => Database.ScalarAsync<long>("select sum(last_seq)::bigint from runs");

    private async Task ReportSizeAsync(long points)
    {
        var (chunks, tails) = (await Database.RowsAsync<(long, long)>(
            "select pg_total_relation_size('point_chunks'), pg_total_relation_size('point_tails')")).Single();
        var perPoint = (chunks + tails) / (double)points;
        ProcessLab.Say($"{points:N0} points: {perPoint:0.0} bytes each ({chunks:N0} of chunks, {tails:N0} of tails)");
        Assert.True(perPoint < 60, $"{perPoint} bytes per point");
    }

    /// <returns>The 95th percentile of a batch, in milliseconds.</returns>
    private static double Report(string what, IReadOnlyList<double>[] times, long points, double seconds)
    {
        var sorted = times.SelectMany(all => all).Order().ToList();
        ProcessLab.Say($"{what}: {points / seconds:N0} points/s for {seconds:0} s, {sorted.Count:N0} batches, "
            + $"p50 {At(sorted, 0.5):0.0} ms, p95 {At(sorted, 0.95):0.0} ms, max {sorted[^1]:0} ms, {ProcessLab.Load}");
        return At(sorted, 0.95);
    }

    private static double At(List<double> sorted, double share) => sorted[(int)(share * (sorted.Count - 1))];
}
