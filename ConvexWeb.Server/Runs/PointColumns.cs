using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Runs;

internal readonly record struct Point(long Step, int Attempt, double Epoch, double Value);

/// <summary>Points as they come, put into columns per metric: by step, and of two points of a step that of the newest attempt.</summary>
internal sealed class PointColumns
{
    private readonly Dictionary<string, List<Point>> metrics = new(StringComparer.Ordinal);

    public int Count { get; private set; }
    public long LastSeq { get; private set; }
    public DateTimeOffset? Newest { get; private set; }

    public void Add(string metric, Point point, long seq, DateTimeOffset at)
    {
        if (!metrics.TryGetValue(metric, out var points)) metrics[metric] = points = [];
        points.Add(point);
        Count++;
        LastSeq = seq;
        if (Newest is null || at > Newest) Newest = at;
    }

    public IReadOnlyList<Series> ToSeries() =>
        [.. metrics.OrderBy(metric => metric.Key, StringComparer.Ordinal).Select(metric => ToSeries(metric.Key, metric.Value))];

    private static Series ToSeries(string metric, List<Point> points)
    {
        points.Sort(static (a, b) => a.Step != b.Step ? a.Step.CompareTo(b.Step) : a.Attempt.CompareTo(b.Attempt));
        var (steps, epochs, values) = (new List<long>(points.Count), new List<double>(points.Count), new List<double>(points.Count));
        foreach (var point in points)
        {
            if (steps.Count > 0 && steps[^1] == point.Step)
            {
                (epochs[^1], values[^1]) = (point.Epoch, point.Value);
                continue;
            }
            steps.Add(point.Step);
            epochs.Add(point.Epoch);
            values.Add(point.Value);
        }
        return new(metric, steps, epochs, values);
    }
}
