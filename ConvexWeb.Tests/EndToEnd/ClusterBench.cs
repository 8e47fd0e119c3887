using System.Globalization;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// <c>./convexweb bench cluster</c>: two web nodes, three workers, six trainings by the real trainer on nine slots. In the middle of them a
/// web node and a worker are killed with -9 and stay away. Every run ends, each point is there once, a client of the killed web node has
/// all of them too, and a page that was open in a browser is live again, without anybody doing anything. Both reach the web nodes as people
/// do: the page through one address in front of them, the client by a list of its own.
/// </summary>
[Trait("kind", "browser")]
public sealed class ClusterBench(Browser browser)
{
    private const int Runs = 6;
    private const int Workers = 3;
    private const int Slots = 3;

    // Within so many seconds a dead worker's items run again, and what people look at is live again.
    private const double Limit = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(8);

    private const string Spec = """
        {"model":{"name":"mlp","width":128},"data":{"name":"glyphs","train_size":2000,"test_size":500},
         "training":{"epochs":200,"batch_size":50,"points_every":5}}
        """;

    private const string Trained =
        """
        select count(*) = 6 and bool_and(r.step >= 400) from work_items i join runs r on r.id = i.run_id where i.state = 'Running'
        """;

    [Fact(Explicit = true)]
    [Trait("bench", "cluster")]
    public async Task Runs_and_those_who_watch_outlive_a_web_node_and_a_worker()
    {
        await using var lab = await ProcessLab.StartAsync();
        var (first, second) = (await lab.StartWebAsync(), await lab.StartWebAsync());
        var workers = new Dictionary<string, ServerProcess>();
        for (var i = 0; i < Workers; i++) workers[$"worker-{i}"] = await lab.StartWorkerAsync($"worker-{i}", Slots);
        await using var front = new Front([first.Address, second.Address]);
        await using var context = await browser.ContextAsync(front.Address);
        var page = await context.NewPageAsync();
        await page.WelcomeAsync(new Uri(front.Address, new Uri(await first.Process.LinkAsync()).PathAndQuery).ToString());

        var secret = await lab.AddUserAsync("bob");
        using var client = second.Client(secret);
        var begun = TimeProvider.System.GetTimestamp();
        var runs = await client.SubmitAsync(Spec, [.. Enumerable.Range(0, Runs)]);
        var watcher = new HubWatcher([first, second], secret, runs);
        using var stop = new CancellationTokenSource();
        var watching = watcher.FollowAsync(stop.Token);
        await lab.Database.UntilAsync(Trained, patience: Patience);

        // The worker with the most items, so that there is one to lose, and on the others a run to look at and slots for the lost.
        var items = await lab.Database.RowsAsync<(long Run, string Worker)>(
            "select run_id, worker from work_items where state = 'Running'");
        var victim = items.GroupBy(item => item.Worker).MaxBy(own => own.Count())!.Key;
        long[] lost = [.. items.Where(item => item.Worker == victim).Select(item => item.Run)];
        var looked = items.First(item => item.Worker != victim).Run;
        await page.GotoAsync($"/runs/{looked}");
        await page.DrawnAsync(atLeast: 5);
        var open = new OpenPage(page);
        var looking = open.FollowAsync(stop.Token);
        await Task.Delay(TimeSpan.FromSeconds(3));

        var load = ProcessLab.Load;
        Assert.Equal(first.Address, watcher.Connected.Single().Node);
        Assert.Equal(Runs, await lab.Database.ScalarAsync<long>("select count(*) from work_items where state = 'Running'"));
        var killed = DateTimeOffset.UtcNow;
        await Task.WhenAll(first.Process.KillAsync(), workers[victim].KillAsync());

        await lab.Database.UntilAsync("select bool_and(state = 'Succeeded') from work_items where kind = 'run'", patience: Patience);
        var length = TimeProvider.System.GetElapsedTime(begun);
        await page.State().ShowsAsync("Succeeded");
        await AssertWholeAsync(lab, runs, lost);
        await CaughtUpAsync(lab, watcher, runs);
        await stop.CancelAsync();
        await Task.WhenAll(watching, looking);

        var points = await AssertSameAsync(lab, watcher, runs);
        Assert.Equal([first.Address, second.Address], watcher.Connected.Select(connected => connected.Node));
        ProcessLab.Say(Text($"{Runs} runs on {Workers} workers with {Slots} slots, a web node and a worker with {lost.Length} of them ")
            + Text($"killed: all Succeeded in {length.TotalSeconds:0} s, {load}"));
        ProcessLab.Say(Text(
            $"{points:N0} points, each once, in the database and at the client, which fetched {watcher.Fetched:N0} of them"));
        var (still, live) = (open.LongestStill(killed), open.LiveAgain(killed));
        ProcessLab.Say(Text($"an open page of a run on a living worker: its charts stood still for {still:0.0} s at most, ")
            + Text($"and all of it was live again {live:0.0} s after the kill, and showed the end"));
        var away = (watcher.Connected[1].At - killed).TotalSeconds;
        ProcessLab.Say(Text($"the client was connected to the other web node after {away:0.0} s"));
        var released = await AfterAsync("select max(ended_at) from attempts where outcome = 'lost'");
        var again = await AfterAsync("select max(started_at) from attempts where number = 2");
        ProcessLab.Say(Text($"the killed worker's runs were queued again after {released:0.0} s, and all ran again after {again:0.0} s"));
        SayGaps("on living workers", runs.Except(lost));
        SayGaps("of the killed worker", lost);
        Assert.True(again < Limit, Text($"The killed worker's items ran again after {again:0.0} s."));
        Assert.True(Math.Max(still, live) < Limit, Text($"The page stood still for {still:0.0} s, and was live after {live:0.0} s."));

        async Task<double> AfterAsync(string sql) => (await lab.Database.ScalarAsync<DateTime>(sql) - killed.UtcDateTime).TotalSeconds;

        void SayGaps(string which, IEnumerable<long> some)
        {
            // The longest silence that touches the time behind the kill: what came late of the time before it does not end it.
            var gaps = some.Select(run =>
            {
                var arrivals = watcher.ArrivalsOf(run);
                return arrivals.Zip(arrivals.Skip(1)).Where(pair => pair.Second > killed)
                    .Max(pair => (pair.Second - pair.First).TotalSeconds);
            }).Order().ToList();
            var all = string.Join(", ", gaps.Select(gap => Text($"{gap:0.0}")));
            ProcessLab.Say(Text($"seconds without live points at the client, {gaps.Count} runs {which}: {all}"));
        }
    }

    /// <returns>How many points there are.</returns>
    private static async Task<int> AssertSameAsync(ProcessLab lab, HubWatcher watcher, long[] runs)
    {
        var points = 0;
        foreach (var run in runs)
        {
            var stored = await lab.Database.PointsAsync(run);
            Assert.True(watcher.PointsOf(run).SetEquals(stored), $"The client has other points of run {run} than the database.");
            points += stored.Count;
        }
        return points;
    }

    private static async Task AssertWholeAsync(ProcessLab lab, long[] runs, long[] lost)
    {
        var counts = new HashSet<int>();
        foreach (var run in runs)
        {
            var points = await lab.Database.PointsAsync(run);
            Assert.Equal(points.Count, points.Select(point => point[..point.LastIndexOf(' ')]).Distinct().Count());
            counts.Add(points.Count);
            Assert.Equal(lost.Contains(run) ? "lost,succeeded" : "succeeded", await lab.Database.OutcomesAsync(run));
            Assert.True(await lab.Database.ScalarAsync<bool>(
                """
                select count(*) = max(seq) and count(distinct seq) = max(seq) and max(seq) = (select last_seq from runs where id = @run)
                from points where run_id = @run
                """, new { run }));
        }
        Assert.Single(counts); // one spec: a run with less than another has lost some
    }

    private static async Task CaughtUpAsync(ProcessLab lab, HubWatcher watcher, long[] runs)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        foreach (var run in runs)
        {
            var last = await lab.Database.ScalarAsync<long>("select last_seq from runs where id = @run", new { run });
            while (watcher.SeqOf(run) < last) await Task.Delay(50, limit.Token);
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
