using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Runs;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using static ConvexWeb.Tests.Workers.TrainingDatabase;

namespace ConvexWeb.Tests.Workers;

/// <summary>
/// Writer and reader beside a model of a few lines, over random histories: attempts that resume, that are lost before their journal is
/// read, batches that come twice, steps that are reported again.
/// </summary>
public sealed class PointHistoryTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private static readonly string[] Metrics = ["a", "b", "c", "d"];

    private sealed record Stored(int Attempt, string Metric, long Step, double Value);

    /// <summary>What the tables should say. The number of a point is its place, from 1.</summary>
    private sealed class Model
    {
        public List<Stored> Points { get; } = [];
        public Dictionary<int, long> Resumed { get; } = [];
        public long Step { get; private set; }

        public void Write(int owner, int attempt, IReadOnlyList<TrainingEvent> events)
        {
            var between = Resumed.Where(pair => pair.Key > attempt && pair.Key < owner).Select(pair => pair.Value).ToList();
            var started = events.OfType<StartedEvent>().SingleOrDefault();
            if (started is not null || !Resumed.ContainsKey(attempt))
                Resumed[attempt] = Math.Max(started?.Step ?? Step, between.DefaultIfEmpty(0).Min());
            foreach (var report in events.OfType<PointsEvent>())
            {
                foreach (var (metric, value) in report.Values)
                {
                    if (between.Any(resumed => resumed < report.Step)) continue;
                    if (Points.Any(p => p.Attempt == attempt && p.Metric == metric && p.Step == report.Step)) continue;
                    Points.Add(new(attempt, metric, report.Step, value));
                }
            }
            if (started is not null && attempt == owner) Step = 0;
            Step = events.Select(item => item is StartedEvent start ? start.Step : ((PointsEvent)item).Step).Append(Step).Max();
        }

        /// <summary>The points that hold, with their numbers.</summary>
        public IEnumerable<(long Seq, Stored Point)> Effective() => Points
            .Select((point, place) => (Seq: place + 1L, Point: point))
            .Where(one => !Resumed.Any(pair => pair.Key > one.Point.Attempt && pair.Value < one.Point.Step))
            .Where(one => !Points.Any(other =>
                other.Metric == one.Point.Metric && other.Step == one.Point.Step && other.Attempt > one.Point.Attempt));

        public long? Rewind(long after)
        {
            if (after == 0 || Points.Count == 0) return null;
            var seen = Points.Take((int)after).Max(point => point.Attempt);
            return Resumed.Where(pair => pair.Key > seen).Select(pair => (long?)pair.Value).Min();
        }
    }

    /// <summary>As Charts/points.js: what a browser has that follows the run.</summary>
    private sealed class Follower
    {
        private readonly SortedDictionary<(string, long), double> points = [];

        public long Seq { get; private set; }
        public IEnumerable<string> Lines => points.Select(pair => $"{pair.Key.Item1} {pair.Key.Item2} {pair.Value:R}");

        public void Apply(PointBatch batch)
        {
            Assert.Equal(Seq, batch.After);
            if (batch.Rewind is { } step)
                foreach (var key in points.Keys.Where(key => key.Item2 > step).ToList()) points.Remove(key);
            foreach (var series in batch.Series)
                for (var i = 0; i < series.Steps.Count; i++) points[(series.Metric, series.Steps[i])] = series.Values[i];
            Seq = batch.Seq;
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Reader_and_model_agree(int seed)
    {
        var random = new Random(seed);
        var run = await Database.AddRunAsync();
        var (writer, reader) = (new PointWriter(Database, new MetricIds(Database), new()), new PointReader(Database));
        var (model, follower) = (new Model(), new Follower());
        var journals = new Dictionary<int, Queue<JournalBatch>>(); // what trainers have written, batch by batch

        var attempts = random.Next(1, 7);
        for (var number = 1; number <= attempts; number++)
        {
            var owner = await Database.ClaimAsync(run, seconds: -1);
            Assert.Equal(number, owner.Attempt);
            for (var earlier = 1; earlier < number; earlier++) await IngestAsync(owner, earlier, random.Next(4));
            journals[number] = Journal(random, random.NextInt64(0, model.Step + 1));
            await IngestAsync(owner, number, random.Next(8));
            await Database.LoseAsync(run);
        }

        async Task IngestAsync(Assignment owner, int attempt, int most)
        {
            for (; most > 0 && journals[attempt].TryDequeue(out var batch); most--)
            {
                for (var times = random.Next(5) == 0 ? 2 : 1; times > 0; times--)
                    Assert.True(await writer.WriteAsync(owner, attempt, batch, [], announce: false));
                model.Write(owner.Attempt, attempt, batch.Events);
                if (random.Next(2) == 0) await FollowAsync(60);
                await CompareAsync(random, reader, model, run);
            }
        }

        Assert.Equal(
            model.Points.Select((point, place) => (place + 1L, point.Attempt, point.Metric, point.Step, point.Value)),
            await Database.RowsAsync<(long, int, string, long, double)>(
                "select seq, attempt, name, step, value from points join metrics on id = metric_id order by seq"));
        Assert.Equal(
            model.Resumed.OrderBy(pair => pair.Key).Select(pair => (pair.Key, pair.Value)),
            await Database.RowsAsync<(int, long)>("select attempt, resumed_step from journals order by attempt"));
        while (await FollowAsync(200))
        {
        }
        Assert.Equal(Lines(model.Effective().Select(one => one.Point)), follower.Lines);

        async Task<bool> FollowAsync(int most)
        {
            var batch = (await reader.ReadAsync(run, new() { After = follower.Seq, Limit = random.Next(1, most) }))!;
            follower.Apply(batch);
            return batch.More;
        }
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 25)];

    private static async Task CompareAsync(Random random, PointReader reader, Model model, long run)
    {
        var query = new PointQuery
        {
            After = random.Next(model.Points.Count + 1),
            Limit = random.Next(3) == 0 ? 100_000 : 1 + random.Next(100),
            FromStep = random.Next(3) == 0 ? random.NextInt64(model.Step + 1) : null,
            Metrics = random.Next(3) == 0 ? ["b", "d", "unknown"] : null,
        };
        query = query with { ToStep = random.Next(3) == 0 ? random.NextInt64(query.FromStep ?? 0, model.Step + 2) : null };
        var expected = model.Effective()
            .Where(one => one.Seq > query.After)
            .Where(one => one.Point.Step >= (query.FromStep ?? 0) && one.Point.Step <= (query.ToStep ?? long.MaxValue))
            .Where(one => query.Metrics?.Contains(one.Point.Metric) != false)
            .Take(query.Limit).ToList();
        var seq = expected.Count == query.Limit ? expected[^1].Seq : model.Points.Count;

        var page = (await reader.ReadAsync(run, query))!;

        Assert.Equal((query.After, seq, seq < model.Points.Count), (page.After, page.Seq, page.More));
        Assert.Equal(model.Rewind(query.After), page.Rewind);
        Assert.Equal(
            Lines(expected.Select(one => one.Point)),
            page.Series.SelectMany(series => series.Steps.Zip(series.Values, (step, value) => $"{series.Metric} {step} {value:R}")));
    }

    private static IEnumerable<string> Lines(IEnumerable<Stored> points) => points
        .OrderBy(point => point.Metric, StringComparer.Ordinal).ThenBy(point => point.Step)
        .Select(point => $"{point.Metric} {point.Step} {point.Value:R}");

    // Steps grow from where the trainer resumed; that one is often reported again, some come twice, and a few come late.
    private static Queue<JournalBatch> Journal(Random random, long resumed)
    {
        var batches = new Queue<JournalBatch>();
        var (line, step) = (1L, resumed - 1);
        var events = new List<TrainingEvent> { StartedAt(resumed) };
        for (var batch = 0; batch < 8; batch++)
        {
            var reports = random.Next(6) == 0 ? random.Next(200) : random.Next(6);
            for (var i = 0; i < reports; i++)
            {
                step += random.Next(3);
                var told = Math.Max(0, random.Next(15) == 0 ? step - random.Next(6) : step);
                var values = Metrics.Where(_ => random.Next(2) == 0).ToDictionary(metric => metric, _ => random.NextDouble());
                events.Add(new PointsEvent(told, told / 5.0, values) { N = ++line, At = DateTimeOffset.UnixEpoch.AddSeconds(line) });
            }
            batches.Enqueue(new(events, line, More: false));
            events = [];
        }
        return batches;
    }
}
