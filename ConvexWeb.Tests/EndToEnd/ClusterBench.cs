using System.Globalization;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// <c>./convexweb bench cluster</c>: two web nodes, three workers, twelve trainings by the real trainer. In the middle of them a web node
/// and a worker are killed with -9 and stay away. Every run ends, each point is there once, and one who watched through the killed web
/// node has all of them too.
/// </summary>
public sealed class ClusterBench
{
    private const int Runs = 12;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(8);

    private const string Spec = """
        {"model":{"name":"mlp","width":128},"data":{"name":"glyphs","train_size":2000,"test_size":500},
         "training":{"epochs":120,"batch_size":50,"points_every":5}}
        """;

    [Fact(Explicit = true)]
    [Trait("bench", "cluster")]
    public async Task Runs_and_their_watcher_outlive_a_web_node_and_a_worker()
    {
        await using var lab = await ProcessLab.StartAsync();
        var (first, second) = (await lab.StartWebAsync(), await lab.StartWebAsync());
        var workers = new List<ServerProcess>();
        for (var i = 0; i < 3; i++) workers.Add(await lab.StartWorkerAsync($"worker-{i}", slots: 2));
        var secret = await lab.AddUserAsync("ada");
        using var client = second.Client(secret);
        var begun = TimeProvider.System.GetTimestamp();
        var runs = await client.SubmitAsync(Spec, [.. Enumerable.Range(0, Runs)]);
        var watcher = new HubWatcher([first, second], secret, runs);
        using var stop = new CancellationTokenSource();
        var watching = watcher.FollowAsync(stop.Token);

        await lab.Database.UntilAsync(
            """
            select count(*) = 6 and count(*) filter (where i.worker = 'worker-0') = 2 and bool_and(r.step >= 400)
            from work_items i join runs r on r.id = i.run_id where i.state = 'Running'
            """, patience: Patience);
        var load = ProcessLab.Load;
        var trained = await lab.Database.RowsAsync<(long Run, string Worker)>(
            "select run_id, worker from work_items where state = 'Running'");
        Assert.Equal(first.Address, watcher.Connected.Single().Node);
        var killed = DateTimeOffset.UtcNow;
        await Task.WhenAll(first.Process.KillAsync(), workers[0].KillAsync());

        await lab.Database.UntilAsync("select bool_and(state = 'Succeeded') from work_items where kind = 'run'", patience: Patience);
        var length = TimeProvider.System.GetElapsedTime(begun);
        await AssertWholeAsync(lab, runs, [.. trained.Where(item => item.Worker == "worker-0").Select(item => item.Run)]);
        await CaughtUpAsync(lab, watcher, runs);
        await stop.CancelAsync();
        await watching;

        var points = 0;
        foreach (var run in runs)
        {
            var stored = await lab.Database.PointsAsync(run);
            Assert.True(watcher.PointsOf(run).SetEquals(stored), $"The watcher has other points of run {run} than the database.");
            points += stored.Count;
        }
        Assert.Equal([first.Address, second.Address], watcher.Connected.Select(connected => connected.Node));
        var away = (watcher.Connected[1].At - killed).TotalSeconds;
        ProcessLab.Say(Text(
            $"{Runs} runs on 3 workers with 2 slots, a web node and a worker killed: all Succeeded in {length.TotalSeconds:0} s, {load}"));
        ProcessLab.Say(Text(
            $"{points:N0} points, each once, in the database and at the watcher, which fetched {watcher.Fetched:N0} of them"));
        ProcessLab.Say(Text($"the watcher was connected to the other web node after {away:0.0} s"));
        var released = await AfterAsync("select max(ended_at) from attempts where outcome = 'lost'");
        var claimed = await AfterAsync("select max(started_at) from attempts where number = 2");
        ProcessLab.Say(Text($"the killed worker's runs were queued again after {released:0.0} s, and taken when slots were free, ")
            + Text($"the last after {claimed:0.0} s"));
        Gaps("on living workers", trained.Where(item => item.Worker != "worker-0"));
        Gaps("of the killed worker", trained.Where(item => item.Worker == "worker-0"));

        async Task<double> AfterAsync(string sql) => (await lab.Database.ScalarAsync<DateTime>(sql) - killed.UtcDateTime).TotalSeconds;

        void Gaps(string which, IEnumerable<(long Run, string Worker)> some)
        {
            // The longest silence that touches the time behind the kill: what came late of the time before it does not end it.
            var gaps = some.Select(item =>
            {
                var arrivals = watcher.ArrivalsOf(item.Run);
                return arrivals.Zip(arrivals.Skip(1)).Where(pair => pair.Second > killed)
                    .Max(pair => (pair.Second - pair.First).TotalSeconds);
            }).Order().ToList();
            var all = string.Join(", ", gaps.Select(gap => Text($"{gap:0.0}")));
            ProcessLab.Say(Text($"seconds without live points, {gaps.Count} runs {which}: {all}"));
        }
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
