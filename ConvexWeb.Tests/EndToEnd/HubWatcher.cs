using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Live;
using ConvexWeb.Tests.Live;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// What a browser's <c>live.js</c> does, without a browser: watches runs, connects again when the connection is lost, by turns with each
/// web node as a proxy without a look at their health would have it, and fetches what was missed.
/// </summary>
internal sealed class HubWatcher(IReadOnlyList<ProcessLab.WebNode> nodes, string secret, long[] runs)
{
    private readonly Lock gate = new();
    private readonly Dictionary<long, Curve> curves = runs.ToDictionary(run => run, _ => new Curve());

    private sealed class Curve
    {
        public Dictionary<(string Metric, long Step), double> Points { get; } = [];
        public List<DateTimeOffset> Arrivals { get; } = [];
        public long Seq { get; set; }
    }

    /// <summary>When it was connected, and with which node.</summary>
    public List<(DateTimeOffset At, Uri Node)> Connected { get; } = [];

    /// <summary>Points that did not come by themselves but were fetched.</summary>
    public int Fetched { get; private set; }

    public long SeqOf(long run)
    {
        lock (gate) return curves[run].Seq;
    }

    public IReadOnlyList<DateTimeOffset> ArrivalsOf(long run)
    {
        lock (gate) return [.. curves[run].Arrivals];
    }

    /// <summary>As <see cref="Workers.TrueTraining.PointsAsync"/> has them, in no order.</summary>
    public IReadOnlySet<string> PointsOf(long run)
    {
        lock (gate)
        {
            return curves[run].Points
                .Where(point => point.Key.Metric != "samples_per_second" && !point.Key.Metric.Contains("seconds", StringComparison.Ordinal))
                .Select(point => string.Create(CultureInfo.InvariantCulture, $"{point.Key.Metric} {point.Key.Step} {point.Value:R}"))
                .ToHashSet();
        }
    }

    public async Task FollowAsync(CancellationToken stop)
    {
        for (var (attempt, node) = (0, 0); !stop.IsCancellationRequested; node = (node + 1) % nodes.Count)
        {
            try
            {
                await FollowAsync(nodes[node], () => attempt = 0, stop);
                node--; // the same again first
            }
            catch (Exception problem) when (problem is WebSocketException or HttpRequestException or TimeoutException)
            {
                // This node does not answer.
            }
            var pause = TimeSpan.FromMilliseconds(Math.Min(10_000, 250 * Math.Pow(2, attempt++)));
            await Task.Delay(pause, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task FollowAsync(ProcessLab.WebNode node, Action connected, CancellationToken stop)
    {
        var batches = Channel.CreateUnbounded<string>();
        await using var hub = await HubClient.ConnectAsync(node.Address, secret, message => batches.Writer.TryWrite(message));
        _ = hub.Reading.ContinueWith(_ => batches.Writer.TryComplete(), TaskScheduler.Default);
        using var client = node.Client(secret);
        var states = await hub.InvokeAsync<List<WatchedRun>>("watch", runs);
        connected();
        Connected.Add((DateTimeOffset.UtcNow, node.Address));
        foreach (var state in states) await CatchUpAsync(client, state.Id, state.LastSeq);
        try
        {
            await foreach (var message in batches.Reader.ReadAllAsync(stop))
            {
                var call = JsonDocument.Parse(message).RootElement;
                var batch = call.GetProperty("arguments")[0].Deserialize<PointBatch>(Answers.Json)!;
                await CatchUpAsync(client, batch.RunId, batch.After);
                Take(batch);
            }
        }
        catch (OperationCanceledException)
        {
            // Enough was seen.
        }
    }

    private async Task CatchUpAsync(HttpClient client, long run, long seq)
    {
        while (SeqOf(run) < seq)
        {
            var batch = await client.GetAsync<PointBatch>($"/api/v1/runs/{run}/points?after={SeqOf(run)}");
            Fetched += batch.Series.Sum(series => series.Steps.Count);
            Take(batch);
        }
    }

    private void Take(PointBatch batch)
    {
        lock (gate)
        {
            var curve = curves[batch.RunId];
            if (batch.Seq <= curve.Seq) return;
            if (batch.Rewind is { } step)
            {
                foreach (var key in curve.Points.Keys.Where(key => key.Step > step).ToList()) curve.Points.Remove(key);
            }
            foreach (var series in batch.Series)
            {
                foreach (var (at, value) in series.Steps.Zip(series.Values)) curve.Points[(series.Metric, at)] = value;
            }
            curve.Seq = batch.Seq;
            curve.Arrivals.Add(DateTimeOffset.UtcNow);
        }
    }
}
