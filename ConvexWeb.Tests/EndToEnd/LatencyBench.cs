using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary><c>./convexweb bench latency</c>: from the moment a trainer reports a point to the moment it is drawn in a browser.</summary>
[Trait("kind", "browser")]
public sealed class LatencyBench(Browser browser)
{
    private const double Limit = 500;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(40);

    private const string Spec = """
        {"model":{"name":"mlp","width":128},"data":{"name":"glyphs","train_size":2000,"test_size":500},
         "training":{"epochs":100000,"batch_size":50,"points_every":5}}
        """;

    /// <summary>The newest step of a run that was reported, or drawn, and when, in milliseconds.</summary>
    private sealed record Mark(long RunId, long Step, double At);

    [Fact(Explicit = true)]
    [Trait("bench", "latency")]
    public async Task Four_live_runs_are_drawn_within_half_a_second()
    {
        await using var installation = await Installation.StartAsync(browser, ("Convex:Worker:Slots", "4"), ("Convex:Worker:Threads", "1"));
        using var client = await installation.ClientAsync();
        var runs = await client.SubmitAsync(Spec, [0, 1, 2, 3]);
        await installation.Database.UntilAsync("select count(*) = 4 from runs where step > 0");
        var compare = await WatchAsync(installation, $"/compare?runs={string.Join(',', runs)}");
        var single = await WatchAsync(installation, $"/runs/{runs[0]}");

        await Task.Delay(TimeSpan.FromSeconds(3));
        var from = DateTimeOffset.UtcNow;
        await Task.Delay(Length);
        var until = DateTimeOffset.UtcNow;
        await Task.Delay(TimeSpan.FromSeconds(1));

        var points = await installation.Database.RowsAsync<Mark>(
            """
            select run_id as RunId, step, (extract(epoch from min(at)) * 1000)::float8 as At
            from points where at between @from and @until group by run_id, step
            """, new { from, until });
        Say($"{points.Count / Length.TotalSeconds:0} reports a second of 4 trainers, "
            + $"{Environment.ProcessorCount} cores, {Length.TotalSeconds:0} s");
        foreach (var (name, page) in new[] { ("compare page, 4 runs", compare), ("run page", single) })
            Assert.True(await ReportAsync(name, page, points) < Limit, $"{name}: p95 is not below {Limit} ms");
        foreach (var run in runs)
        {
            var asked = TimeProvider.System.GetTimestamp();
            await client.PostAsync($"/api/v1/runs/{run}/cancel", null);
            await installation.Database.UntilAsync(run, RunState.Cancelled);
            Say($"run {run}: cancelled, with its checkpoint, after {TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds:0} ms");
        }
    }

    private static async Task<IPage> WatchAsync(Installation installation, string path)
    {
        var (page, _) = await installation.OpenAsync(path);
        await page.DrawnAsync(atLeast: 5);
        return page;
    }

    // Every point counts, not only the newest of its batch: it is drawn with the first batch that reaches its step.
    private static async Task<double> ReportAsync(string name, IPage page, IReadOnlyList<Mark> points)
    {
        var entries = await page.EvaluateAsync<double[][]>(
            "() => window.convexLatency.map(({ runId, step, drawn }) => [runId, step, drawn])");
        var drawn = entries.Select(entry => new Mark((long)entry[0], (long)entry[1], entry[2])).ToLookup(mark => mark.RunId);
        var waits = points.Where(point => drawn.Contains(point.RunId))
            .Select(point => drawn[point.RunId].FirstOrDefault(entry => entry.Step >= point.Step) is { } entry
                ? entry.At - point.At
                : double.PositiveInfinity)
            .Order().ToList();
        Assert.True(waits.Count > 500, $"{name}: only {waits.Count} points");
        Say($"{name}: {waits.Count} points, trainer to drawn chart p50 {At(0.5):0} ms, p95 {At(0.95):0} ms, max {waits[^1]:0} ms");
        return At(0.95);

        double At(double share) => waits[(int)(share * (waits.Count - 1))];
    }

    private static void Say(string line) => Xunit.TestContext.Current.TestOutputHelper?.WriteLine(line);
}
