using System.Globalization;
using System.Text.Json;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Workers;
using Npgsql;

namespace ConvexWeb.Tests.Live;

/// <summary>
/// Those who look on while points are stored: a live connection for each run to the hub of a server process, and two readers who fetch the
/// newest points of one run after the other over HTTP.
/// </summary>
internal sealed class Audience : IAsyncDisposable
{
    private const int Readers = 2;
    private const int NewestPoints = 10_000;
    private static readonly TimeSpan BetweenReads = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<Watcher> watchers;
    private readonly List<HubClient> hubs = [];
    private readonly CancellationTokenSource stop = new();
    private Task<List<double>>[] reading = [];

    private Audience(IEnumerable<long> runs) => watchers = [.. runs.Select(run => new Watcher(run))];

    public static async Task<Audience> OpenAsync(ProcessLab.WebNode web, string secret, IEnumerable<long> runs)
    {
        var audience = new Audience(runs);
        foreach (var watcher in audience.watchers)
        {
            var hub = await HubClient.ConnectAsync(web.Address, secret, watcher.Hear);
            audience.hubs.Add(hub);
            await hub.InvokeAsync<JsonElement>("watch", new[] { watcher.Run });
        }
        var readers = audience.watchers.Count > 0 ? Readers : 0;
        audience.reading = [.. Enumerable.Range(0, readers).Select(place => Task.Run(() => audience.ReadAsync(web, secret, place)))];
        return audience;
    }

    /// <summary>Waits until every watcher has what is stored, each point once and in order, and says how quickly it came.</summary>
    public async Task ReportAsync(NpgsqlDataSource database)
    {
        await stop.CancelAsync();
        var reads = (await Task.WhenAll(reading)).SelectMany(times => times).ToList();
        var begun = TimeProvider.System.GetTimestamp();
        foreach (var watcher in watchers)
        {
            var last = await database.ScalarAsync<long>("select last_seq from runs where id = @Run", new { watcher.Run });
            while (watcher.Seq < last)
            {
                Assert.True(
                    TimeProvider.System.GetElapsedTime(begun) < Patience, $"Run {watcher.Run}: {watcher.Seq:N0} of {last:N0} points came.");
                await Task.Delay(20); // between two looks
            }
            Assert.Equal(0, watcher.Holes);
        }
        ProcessLab.Say($"{watchers.Count} live connections: {watchers.Sum(watcher => watcher.Seq):N0} points in "
            + $"{watchers.Sum(watcher => watcher.Delays.Count):N0} messages, none missing or doubled, the last "
            + $"{TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds:0} ms after the end");
        ProcessLab.Report("  from the report of a message's newest point to its arrival", watchers.SelectMany(watcher => watcher.Delays));
        ProcessLab.Report($"  {Readers} readers of the newest {NewestPoints:N0} points of a run, over HTTP", reads);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(reading);
        await Task.WhenAll(hubs.Select(hub => hub.DisposeAsync().AsTask()));
        stop.Dispose();
    }

    private async Task<List<double>> ReadAsync(ProcessLab.WebNode web, string secret, int place)
    {
        using var client = web.Client(secret);
        var times = new List<double>();
        for (var turn = place; !stop.IsCancellationRequested; turn++)
        {
            var watcher = watchers[turn % watchers.Count];
            var asked = TimeProvider.System.GetTimestamp();
            var after = Math.Max(0, watcher.Seq - NewestPoints);
            using var answer = await client.GetAsync($"/api/v1/runs/{watcher.Run}/points?after={after}");
            Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
            times.Add(TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds);
            await Task.Delay(BetweenReads, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return times;
    }

    /// <summary>What a connection got of its run. Of a message only the head and the tail are read: it may have 20,000 points.</summary>
    private sealed class Watcher(long run)
    {
        private const string Points = """{"type":1,"target":"points",""";
        private long seq;

        public long Run => run;
        public long Seq => Interlocked.Read(ref seq);
        public int Holes { get; private set; }
        public List<double> Delays { get; } = [];

        public void Hear(string message)
        {
            var now = DateTimeOffset.UtcNow;
            if (!message.StartsWith(Points, StringComparison.Ordinal)) return;
            if (Number(message, "\"after\":") != seq) Holes++;
            Delays.Add((now - Time(message, "\"at\":\"")).TotalMilliseconds);
            Interlocked.Exchange(ref seq, Number(message, "\"seq\":"));
        }

        private static long Number(string message, string key)
        {
            var rest = message.AsSpan(message.IndexOf(key, StringComparison.Ordinal) + key.Length);
            return long.Parse(rest[..rest.IndexOfAnyExceptInRange('0', '9')], CultureInfo.InvariantCulture);
        }

        private static DateTimeOffset Time(string message, string key)
        {
            var rest = message.AsSpan(message.LastIndexOf(key, StringComparison.Ordinal) + key.Length);
            return DateTimeOffset.Parse(rest[..rest.IndexOf('"')], CultureInfo.InvariantCulture);
        }
    }
}
