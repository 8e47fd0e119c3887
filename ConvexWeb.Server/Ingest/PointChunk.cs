namespace ConvexWeb.Server.Ingest;

/// <summary>
/// Points in the columns of a chunk. Steps, epochs and times have an element for each report; reports, metrics and values one for each
/// point, which names its report by its place, from 1.
/// </summary>
internal sealed class PointChunk
{
    private readonly List<Report> reports = [];
    private readonly List<(int Report, short Metric, double Value)> points = [];

    public int Count => points.Count;

    public void Add(Report report, short metric, double value)
    {
        if (reports.Count == 0 || !ReferenceEquals(reports[^1], report)) reports.Add(report);
        points.Add((reports.Count, metric, value));
    }

    public long StepAt(int place) => reports[points[place].Report - 1].Step;

    /// <summary>Some of the points, behind <paramref name="before"/> reports that are there already.</summary>
    public Columns Part(int from, int count, int before)
    {
        var part = points.GetRange(from, count);
        var first = part[0].Report;
        var some = reports.GetRange(first - 1, part[^1].Report - first + 1);
        return new(
            [.. some.Select(report => report.Step)], [.. some.Select(report => report.Epoch)],
            [.. some.Select(report => report.At.ToUniversalTime())],
            [.. part.Select(point => (short)(point.Report - first + 1 + before))], [.. part.Select(point => point.Metric)],
            [.. part.Select(point => point.Value)]);
    }

    /// <summary>As the database takes them.</summary>
    internal sealed record Columns(
        long[] Steps, double[] Epochs, DateTimeOffset[] Ats, short[] Reports, short[] Metrics, double[] Values);
}
