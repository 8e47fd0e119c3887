using System.Globalization;
using System.Text.Json;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using ConvexWeb.Training.Events;
using Npgsql;

namespace ConvexWeb.Tests.Live;

/// <summary>
/// <c>./convexweb bench hub</c>: from the moment a trainer reports to the arrival at each of 500 connections, which watch 100 runs, one
/// each: four are trained by the real trainer, of the others a writer stores a report twice a second. Every report counts, and every
/// connection must get each of its run. Server, worker, trainers, PostgreSQL and the 500 clients share the cores of this machine.
/// </summary>
public sealed class HubBench
{
    private const int Connections = 500;
    private const int Runs = 100;
    private const int Trained = 4;
    private const double Limit = 150;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan BetweenReports = TimeSpan.FromMilliseconds(500);

    private const string Spec = """
        {"model":{"name":"mlp","width":128},"data":{"name":"glyphs","train_size":2000,"test_size":500},
         "training":{"epochs":100000,"batch_size":50,"points_every":5}}
        """;

    /// <summary>A report that was stored: the number of its last point, and when it was made, in milliseconds.</summary>
    private sealed record Report(long RunId, long Seq, double At);

    private readonly record struct Arrival(long After, long Seq, double At);

    /// <summary>What one connection got of the run that it watches.</summary>
    private sealed class Watcher(long run)
    {
        public long Run => run;
        public List<Arrival> Arrivals { get; } = [];
        public long Bytes { get; private set; }

        public void Hear(string message)
        {
            var now = Now();
            using var json = JsonDocument.Parse(message);
            if (json.RootElement.GetProperty("target").GetString() != "points") return;
            var batch = json.RootElement.GetProperty("arguments")[0];
            Assert.Equal(run, batch.GetProperty("runId").GetInt64());
            Arrivals.Add(new(batch.GetProperty("after").GetInt64(), batch.GetProperty("seq").GetInt64(), now));
            Bytes += message.Length;
        }
    }

    [Fact(Explicit = true)]
    [Trait("bench", "hub")]
    public async Task Points_reach_five_hundred_connections()
    {
        await using var lab = await ProcessLab.StartAsync();
        var web = await lab.StartWebAsync();
        await lab.StartWorkerAsync("worker", Trained);
        var secret = await lab.AddUserAsync("ada");
        using var client = web.Client(secret);
        var trained = await client.SubmitAsync(Spec, [.. Enumerable.Range(0, Trained)]);
        await lab.Database.UntilAsync("select count(*) = @Trained from runs where step > 0", new { Trained });
        var written = await ClaimAsync(lab.Database, Runs - Trained);
        long[] runs = [.. trained, .. written.Select(owner => owner.RunId)];

        var watchers = Enumerable.Range(0, Connections).Select(place => new Watcher(runs[place % Runs])).ToList();
        var hubs = new List<HubClient>();
        using var stop = new CancellationTokenSource();
        var writer = new PointWriter(lab.Database, new MetricIds(lab.Database), new());
        Task<List<double>>[] writing = [];
        try
        {
            foreach (var some in watchers.Chunk(25))
                hubs.AddRange(await Task.WhenAll(some.Select(watcher => ConnectAsync(web.Address, secret, watcher))));
            writing = [.. written.Select((owner, place) => Task.Run(() => WriteAsync(writer, owner, place, stop.Token)))];
            await Task.Delay(TimeSpan.FromSeconds(5));
            var from = DateTimeOffset.UtcNow;
            await Task.Delay(Length);
            var until = DateTimeOffset.UtcNow;
            var load = ProcessLab.Load;
            await Task.Delay(TimeSpan.FromSeconds(2)); // what is under way arrives
            await stop.CancelAsync();
            ProcessLab.Report("the writer's own time to store a report", (await Task.WhenAll(writing)).SelectMany(times => times));
            Say(await ReportsAsync(lab.Database, from, until), watchers, trained, from, load);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(writing);
            await Task.WhenAll(hubs.Select(hub => hub.DisposeAsync().AsTask()));
        }
    }

    private static void Say(
        IReadOnlyList<Report> stored, List<Watcher> watchers, long[] trained, DateTimeOffset from, string load)
    {
        var reports = stored.OrderBy(report => report.Seq).GroupBy(report => report.RunId)
            .ToDictionary(run => run.Key, run => run.ToList());
        var (real, wrote) = (new List<double>(), new List<double>());
        foreach (var watcher in watchers)
        {
            for (var i = 1; i < watcher.Arrivals.Count; i++) Assert.Equal(watcher.Arrivals[i - 1].Seq, watcher.Arrivals[i].After);
            (trained.Contains(watcher.Run) ? real : wrote).AddRange(Waits(watcher, reports[watcher.Run]));
        }
        var begun = (from - DateTimeOffset.UnixEpoch).TotalMilliseconds;
        var messages = watchers.Sum(watcher => watcher.Arrivals.Count(arrival => arrival.At > begun));
        var bytes = watchers.Sum(watcher => watcher.Bytes) / (double)watchers.Sum(watcher => watcher.Arrivals.Count);
        var ofTrainers = stored.Count(report => trained.Contains(report.RunId));
        ProcessLab.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"{Connections} connections, {Runs} runs, {Length.TotalSeconds:0} s: {ofTrainers / Length.TotalSeconds:0} reports/s "
            + $"of {Trained} trainers, {(stored.Count - ofTrainers) / Length.TotalSeconds:0} of the writer; {messages:N0} messages "
            + $"of {bytes:0} bytes arrived, {messages / Length.TotalSeconds:0} a second, none missing; {load}"));
        ProcessLab.Report("report to arrival, trained runs", real);
        ProcessLab.Report("report to arrival, written runs", wrote);
        var p95 = ProcessLab.Report("report to arrival, all", [.. real, .. wrote]);
        Assert.True(p95 < Limit, $"p95 {p95:0} ms");
    }

    // Each report came with the first batch that reaches its number.
    private static IEnumerable<double> Waits(Watcher watcher, List<Report> reports)
    {
        var next = 0;
        foreach (var report in reports)
        {
            while (next < watcher.Arrivals.Count && watcher.Arrivals[next].Seq < report.Seq) next++;
            Assert.True(next < watcher.Arrivals.Count, $"Point {report.Seq} of run {report.RunId} has not come.");
            Assert.True(watcher.Arrivals[next].After < report.Seq);
            yield return watcher.Arrivals[next].At - report.At;
        }
    }

    private static async Task<HubClient> ConnectAsync(Uri address, string secret, Watcher watcher)
    {
        var hub = await HubClient.ConnectAsync(address, secret, watcher.Hear);
        await hub.InvokeAsync<JsonElement>("watch", new[] { watcher.Run });
        return hub;
    }

    private static async Task<IReadOnlyList<Assignment>> ClaimAsync(NpgsqlDataSource database, int count)
    {
        var leases = new Leases(database, new WorkerSettings { Name = "writer", Lease = TimeSpan.FromHours(1) });
        var owners = new List<Assignment>();
        for (var i = 0; i < count; i++)
        {
            var run = await database.AddRunAsync(queue: "written");
            owners.Add((await leases.ClaimAsync(["written"]))!);
            Assert.Equal(run, owners[^1].RunId);
        }
        return owners;
    }

    // All runs take turns within the half second, as trainers do that know nothing of each other.
    private static async Task<List<double>> WriteAsync(PointWriter writer, Assignment owner, int place, CancellationToken stop)
    {
        var begun = TimeProvider.System.GetTimestamp();
        var (line, times) = (0, new List<double>());
        while (!stop.IsCancellationRequested)
        {
            var due = (BetweenReports * (line + (place / (double)(Runs - Trained)))) - TimeProvider.System.GetElapsedTime(begun);
            if (due > TimeSpan.Zero) await Task.Delay(due, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            line++;
            var values = new Dictionary<string, double> { ["train/loss_running"] = 1.0 / line, ["train/accuracy"] = 50 };
            var report = new PointsEvent(line, line / 39.0, values) { N = line, At = TimeProvider.System.GetUtcNow() };
            Assert.True(await writer.WriteAsync(
                owner, owner.Attempt, new([report], line, More: false), [], announce: true, CancellationToken.None));
            times.Add((TimeProvider.System.GetUtcNow() - report.At).TotalMilliseconds);
        }
        return times;
    }

    private static Task<IReadOnlyList<Report>> ReportsAsync(NpgsqlDataSource database, DateTimeOffset from, DateTimeOffset until)
        => database.RowsAsync<Report>(
            """
            select run_id as RunId, max(seq) as Seq, (extract(epoch from at) * 1000)::float8 as At
            from points where at between @from and @until group by run_id, step, at
            """, new { from, until });

    private static double Now() => (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalMilliseconds;
}
