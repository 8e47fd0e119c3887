using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Training.Events;

namespace ConvexWeb.Server.Ingest;

/// <summary>Values of metrics that a trainer reported together.</summary>
internal sealed record Report(long Step, double Epoch, DateTimeOffset At, IReadOnlyList<(string Metric, double Value)> Values);

/// <summary>What a batch of events comes to.</summary>
internal sealed class PointBuffer
{
    private readonly HashSet<(string, long)> seen = [];

    public List<Report> Reports { get; } = [];
    public JsonObject Latest { get; } = [];
    public List<(long Line, DateTimeOffset At, string Level, string Text)> Log { get; } = [];
    public Dictionary<CheckpointKind, CheckpointEvent> Checkpoints { get; } = [];

    /// <summary>The end, when this batch comes to it.</summary>
    public FinishedEvent? Finished { get; private set; }

    /// <summary>Whether this batch has the trainer's last word, whatever it is.</summary>
    public bool Ends { get; private set; }

    /// <summary>Accuracies (percent) at the end of epochs, in their order.</summary>
    public List<(double Epoch, double Train, double Test)> Accuracies { get; } = [];

    /// <summary>Where the trainer resumed, when this batch says so.</summary>
    public long? Resumed { get; private set; }
    public long Step { get; private set; }

    public PointBuffer(IEnumerable<TrainingEvent> events)
    {
        foreach (var item in events)
        {
            Ends |= JournalBatch.IsEnd(item);
            switch (item)
            {
                case StartedEvent started: Resumed = Step = started.Step; break;
                case PointsEvent points: Add(points, points.Step, points.Epoch, points.Values); break;
                case EpochEvent epoch:
                    Add(epoch, epoch.Step, epoch.Epoch, epoch.Values);
                    AddAccuracies(epoch);
                    break;
                case MessageEvent message:
                    Log.Add((message.N, message.At, message.Level == MessageLevel.Warning ? "warning" : "info", message.Text));
                    break;
                case CheckpointEvent checkpoint:
                    Checkpoints[checkpoint.Kind] = checkpoint;
                    Step = Math.Max(Step, checkpoint.Step);
                    break;
                case FinishedEvent finished:
                    Finished = finished;
                    Step = Math.Max(Step, finished.Step);
                    break;
                case FailedEvent failed: Log.Add((failed.N, failed.At, "error", failed.Error)); break;
            }
        }
    }

    /// <summary>Something that pages show at once.</summary>
    public bool IsMilestone => Resumed is not null || Accuracies.Count > 0 || Log.Count > 0 || Checkpoints.Count > 0;

    private void AddAccuracies(EpochEvent epoch)
    {
        if (epoch.Values.TryGetValue("train/accuracy", out var train) && epoch.Values.TryGetValue("test/accuracy", out var test))
            Accuracies.Add((epoch.Epoch, train, test));
    }

    private void Add(TrainingEvent reported, long step, double epoch, IReadOnlyDictionary<string, double> values)
    {
        Step = Math.Max(Step, step);
        var fresh = new List<(string, double)>(values.Count);
        foreach (var (metric, value) in values)
        {
            if (!seen.Add((metric, step))) continue; // the first report of a step holds, as it does between batches
            fresh.Add((metric, value));
            Latest[metric] = double.IsFinite(value)
                ? JsonValue.Create(value)
                : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));
        }
        if (fresh.Count > 0) Reports.Add(new(step, epoch, reported.At, fresh));
    }

    public string LatestJson => Latest.ToJsonString(JsonSerializerOptions.Default);
}
