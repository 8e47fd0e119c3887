using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Metrics;

/// <summary>
/// The mean of a running metric over an epoch. A point stands for the steps since the point before it, and such a window may reach over the
/// ends of the epoch: it counts by the steps that lie inside.
/// </summary>
public static class RunningAverage
{
    public const string Metric = "train/accuracy_running";

    /// <returns>Null where no window touches the steps (<paramref name="after"/>, <paramref name="last"/>].</returns>
    public static double? Of(Series? series, long after, long last)
    {
        if (series is null) return null;
        double sum = 0, weight = 0;
        for (var i = 0; i < series.Steps.Count; i++)
        {
            // The first window is as long as the next, or all that lies before it.
            var from = i > 0 ? series.Steps[i - 1] : series.Steps.Count > 1 ? Math.Max(0, 2 * series.Steps[0] - series.Steps[1]) : 0;
            var inside = Math.Min(series.Steps[i], last) - Math.Max(from, after);
            if (inside <= 0) continue;
            sum += inside * series.Values[i];
            weight += inside;
        }
        return weight > 0 ? sum / weight : null;
    }
}
