using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>
/// <c>./convexweb bench queue</c>, the part with real processes, the real trainer and a database that waits for the disk: what one user's
/// big studies cost another, how soon a running item stops, and whether a drained worker lets go of everything.
/// </summary>
public sealed class QueueLabBench
{
    private const int Singles = 120;
    private const int Stops = 20;
    private const int Waiting = 20;

    private const string Long = """
        {"model":{"name":"mlp","width":128},"data":{"name":"glyphs","train_size":2000,"test_size":500},
         "training":{"epochs":100000,"batch_size":50,"points_every":5}}
        """;

    private const string Short = """
        {"model":{"name":"mlp","width":64},"data":{"name":"glyphs","train_size":1000,"test_size":200},
         "training":{"epochs":50,"batch_size":50,"points_every":5}}
        """;

    [Fact(Explicit = true)]
    [Trait("bench", "queue")]
    public async Task A_single_submission_while_another_user_submits_studies_of_five_hundred()
    {
        await using var lab = await ProcessLab.StartAsync();
        var web = await lab.StartWebAsync();
        using var many = web.Client(await lab.AddUserAsync("many"));
        using var one = web.Client(await lab.AddUserAsync("one"));
        await lab.Database.ScalarAsync<int>("update lab set user_waiting = 1000000 returning 1"); // nothing is trained here
        await StudyAsync(many);
        for (var i = 0; i < 5; i++) await one.SubmitAsync(StoredRun.Spec, i);

        using var stop = new CancellationTokenSource();
        var studies = StudiesAsync(many, stop.Token);
        var singles = new List<double>();
        for (var i = 0; i < Singles; i++)
        {
            var asked = TimeProvider.System.GetTimestamp();
            await one.SubmitAsync(StoredRun.Spec, i);
            singles.Add(TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds);
            await Task.Delay(50); // spread over the studies' whole time
        }
        await stop.CancelAsync();
        var big = await studies;
        var waiting = await lab.Database.ScalarAsync<long>("select count(*) from work_items where state = 'Queued'");
        Assert.Equal(((big.Count + 1) * 500) + Singles + 5, waiting);
        Assert.True(big.Count >= 3, $"only {big.Count} studies meanwhile: the singles had the server for themselves");

        ProcessLab.Report($"a study of 500 runs with 500 specs, over HTTP, {ProcessLab.Load}", big);
        var p95 = ProcessLab.Report($"a single submission meanwhile, {waiting:N0} waiting at the end", singles);
        Assert.True(p95 < 500, $"p95 {p95:0} ms");
    }

    private static async Task<List<double>> StudiesAsync(HttpClient client, CancellationToken stop)
    {
        var times = new List<double>();
        while (!stop.IsCancellationRequested)
        {
            var asked = TimeProvider.System.GetTimestamp();
            await StudyAsync(client);
            times.Add(TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds);
        }
        return times;
    }

    // 500 combinations and one seed, which is the most that there is to check and to store.
    private static async Task StudyAsync(HttpClient client)
    {
        var widths = string.Join(',', Enumerable.Range(16, 50));
        var sizes = string.Join(',', Enumerable.Range(1, 10).Select(i => 10 * i));
        var runs = await client.SubmitAsync(StoredRun.Spec, [0], $$"""{"model.width":[{{widths}}],"training.batch_size":[{{sizes}}]}""");
        Assert.Equal(500, runs.Length);
    }

    [Fact(Explicit = true)]
    [Trait("bench", "queue")]
    public async Task A_running_item_is_paused_and_cancelled_with_its_checkpoint()
    {
        await using var lab = await ProcessLab.StartAsync();
        var web = await lab.StartWebAsync();
        await lab.StartWorkerAsync("worker", slots: 1);
        using var client = web.Client(await lab.AddUserAsync("ada"));
        var (paused, cancelled) = (new List<double>(), new List<double>());
        for (var i = 0; i < Stops; i++)
        {
            var run = await client.SubmitAsync(Long, i);
            paused.Add(await StopAsync(lab, client, run, 1, "pause", RunState.Paused));
            using var resumed = await client.PostAsync($"/api/v1/runs/{run}/resume", null);
            Assert.Equal(HttpStatusCode.OK, resumed.StatusCode);
            cancelled.Add(await StopAsync(lab, client, run, 2, "cancel", RunState.Cancelled));
        }
        var slowest = new[]
        {
            ProcessLab.Report($"from the request to Paused with a checkpoint of the last step, {ProcessLab.Load}", paused),
            ProcessLab.Report("from the request to Cancelled with a checkpoint of the last step", cancelled),
        }.Max();
        Assert.True(slowest < 2000, $"p95 {slowest:0} ms");
    }

    private static async Task<double> StopAsync(ProcessLab lab, HttpClient client, long run, int attempt, string action, RunState state)
    {
        await lab.Database.UntilAsync(
            """
            select count(*) > 0 from points p join journals j on j.run_id = p.run_id and j.attempt = p.attempt
            where p.run_id = @run and p.attempt = @attempt and p.step > j.resumed_step + 50
            """, new { run, attempt });
        var before = await lab.Database.ScalarAsync<long>("select step from runs where id = @run", new { run });
        var asked = TimeProvider.System.GetTimestamp();
        using (var response = await client.PostAsync($"/api/v1/runs/{run}/{action}", null))
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await lab.Database.UntilAsync(run, state);
        var wait = TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds;

        // Not a step of what was trained is lost: neither for a reader of the database nor for one of the file.
        var (step, stored, last) = (await lab.Database.RowsAsync<(long, long, long)>(
            """
            select r.step, c.step, (select max(p.step) from points p where p.run_id = r.id) from runs r
            join checkpoints c on c.run_id = r.id and c.attempt = @attempt and c.kind = 'last' where r.id = @run
            """, new { run, attempt })).Single();
        Assert.True(stored >= before, $"The checkpoint is of step {stored}; {before} had been reached when it was asked for.");
        Assert.Equal(step, stored);
        Assert.InRange(last, stored - 4, stored); // a point is made of every fifth step
        await using var file = File.OpenRead(
            Path.Combine(RunFiles.Of(lab.DataFolder, run), $"{attempt}", "last.safetensors"));
        Assert.Equal(stored, CheckpointFiles.StepIn(file));
        return wait;
    }

    [Fact(Explicit = true)]
    [Trait("bench", "queue")]
    public async Task A_drained_worker_ends_what_it_has_and_the_other_takes_the_rest()
    {
        await using var lab = await ProcessLab.StartAsync();
        var web = await lab.StartWebAsync();
        await lab.StartWorkerAsync("drained", slots: 2);
        await lab.StartWorkerAsync("other", slots: 2);
        using var admin = web.Client(await lab.AddUserAsync("ada", isAdmin: true));
        using var user = web.Client(await lab.AddUserAsync("bob"));
        var runs = await user.SubmitAsync(Short, [.. Enumerable.Range(0, Waiting + 4)]);
        await lab.Database.UntilAsync("select count(*) = 4 from work_items where state = 'Running'");

        using (var refused = await user.PostAsync("/api/v1/workers/drained/drain", null))
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        using (var done = await admin.PostAsync("/api/v1/workers/drained/drain", null))
            Assert.Equal(HttpStatusCode.NoContent, done.StatusCode);
        var (asked, since) = (TimeProvider.System.GetTimestamp(), await lab.Database.ScalarAsync<DateTime>("select clock_timestamp()"));
        var had = await lab.Database.RowsAsync<long>("select id from work_items where state = 'Running' and worker = 'drained'");
        var queued = await lab.Database.ScalarAsync<long>("select count(*) from work_items where state = 'Queued'");
        Assert.Equal((2, Waiting), (had.Count, (int)queued));
        await lab.Database.UntilAsync("select count(*) = 0 from work_items where state = 'Running' and worker = 'drained'");
        var idle = TimeProvider.System.GetElapsedTime(asked).TotalSeconds;

        await lab.Database.UntilAsync("select bool_and(state = 'Succeeded') from work_items", patience: TimeSpan.FromMinutes(5));
        var all = TimeProvider.System.GetElapsedTime(asked).TotalSeconds;

        var attempts = await lab.Database.RowsAsync<(long Item, string Worker, DateTime Started, string Outcome)>(
            "select item_id, worker, started_at, outcome from attempts");
        Assert.Equal(runs.Length, attempts.Count);
        Assert.All(attempts, attempt => Assert.Equal("succeeded", attempt.Outcome));
        Assert.DoesNotContain(attempts, attempt => attempt.Worker == "drained" && attempt.Started > since);
        Assert.All(had, item => Assert.Single(attempts, attempt => attempt.Item == item && attempt.Worker == "drained"));
        var points = new List<IReadOnlyList<string>>();
        foreach (var run in runs) points.Add(await lab.Database.PointsAsync(run));
        Assert.All(points, all => Assert.Equal(points[0].Count, all.Count));
        Assert.All(points, all => Assert.Equal(all.Count, all.Distinct().Count()));
        ProcessLab.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"drain: 2 items ended on the worker, the last after {idle:0.0} s; 0 began there; the other took {Waiting} in {all:0.0} s; "
            + $"{runs.Length} runs Succeeded in one attempt each with {points[0].Count} points each, {ProcessLab.Load}"));
        var view = (await admin.GetAsync<JsonArray>("/api/v1/workers")).Single(worker => (string?)worker!["name"] == "drained")!;
        Assert.True((bool)view["draining"]!);
    }
}
