using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ConvexWeb.Server.Workers;

/// <summary>What a batch of events comes to, in the columns that the database takes.</summary>
internal sealed class PointBuffer
{
    private readonly HashSet<(string, long)> seen = [];

    public List<string> Metrics { get; } = [];
    public List<long> Steps { get; } = [];
    public List<double> Epochs { get; } = [];
    public List<double> Values { get; } = [];
    public List<DateTimeOffset> Times { get; } = [];
    public JsonObject Latest { get; } = [];
    public List<(long Line, DateTimeOffset At, string Level, string Text)> Log { get; } = [];
    public Dictionary<string, Checkpoint> Checkpoints { get; } = [];

    /// <summary>The end, when this batch comes to it.</summary>
    public Finished? Finished { get; private set; }

    /// <summary>Accuracies (percent) at the end of epochs, in their order.</summary>
    public List<(double Epoch, double Train, double Test)> Accuracies { get; } = [];

    /// <summary>Where the trainer resumed, when this batch says so.</summary>
    public long? Resumed { get; private set; }
    public long Step { get; private set; }

    public PointBuffer(IEnumerable<JournalEvent> events)
    {
        foreach (var item in events)
        {
            switch (item)
            {
                case Started started: Resumed = Step = started.Step; break;
                case Points points: Add(points); break;
                case Message message: Log.Add((message.Line, message.At, message.Level, message.Text)); break;
                case Checkpoint checkpoint:
                    Checkpoints[checkpoint.Kind] = checkpoint;
                    Step = Math.Max(Step, checkpoint.Step);
                    break;
                case Finished finished:
                    Finished = finished;
                    Step = Math.Max(Step, finished.Step);
                    break;
                case Failed failed: Log.Add((failed.Line, failed.At, "error", failed.Error)); break;
            }
        }
    }

    /// <summary>Something that a row of the table shows at once.</summary>
    public bool IsMilestone => Resumed is not null || Accuracies.Count > 0;

    private void Add(Points points)
    {
        Step = Math.Max(Step, points.Step);
        foreach (var (metric, value) in points.Values)
        {
            if (!seen.Add((metric, points.Step))) continue; // the first report of a step holds, as it does between batches
            Metrics.Add(metric);
            Steps.Add(points.Step);
            Epochs.Add(points.Epoch);
            Values.Add(value);
            Times.Add(points.At);
            Latest[metric] = double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));
        }
        if (points.IsEpoch && points.Values.TryGetValue("train/accuracy", out var train) && points.Values.TryGetValue("test/accuracy", out var test))
            Accuracies.Add((points.Epoch, train, test));
    }

    public string LatestJson => Latest.ToJsonString(JsonSerializerOptions.Default);
}
