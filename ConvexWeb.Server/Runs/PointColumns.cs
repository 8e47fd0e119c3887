using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Runs;

/// <summary>Points as they come out of chunks, in columns per metric and ordered by step, until there are as many as asked for.</summary>
/// <param name="wanted">The metrics to keep; null: all.</param>
internal sealed class PointColumns(PointQuery query, AttemptHistory history, IReadOnlySet<short>? wanted)
{
    private sealed class Column
    {
        public List<long> Steps { get; } = [];
        public List<double> Epochs { get; } = [];
        public List<double> Values { get; } = [];
        private bool disordered;

        public void Add(long step, double epoch, double value)
        {
            disordered |= Steps.Count > 0 && step < Steps[^1];
            Steps.Add(step);
            Epochs.Add(epoch);
            Values.Add(value);
        }

        public Series ToSeries(string metric)
        {
            if (!disordered) return new(metric, Steps, Epochs, Values);
            var order = Enumerable.Range(0, Steps.Count).OrderBy(place => Steps[place]).ToList();
            return new(metric, order.ConvertAll(at => Steps[at]), order.ConvertAll(at => Epochs[at]), order.ConvertAll(at => Values[at]));
        }
    }

    private readonly Dictionary<short, Column> metrics = [];
    private DateTime newest = DateTime.MinValue;

    public int Count { get; private set; }
    public bool IsFull => Count == query.Limit;
    public long LastSeq { get; private set; }
    public DateTimeOffset? Newest => Count == 0 ? null : new DateTimeOffset(newest);
    public IReadOnlyCollection<short> Metrics => metrics.Keys;

    /// <summary>Takes the points of a chunk that come after the query's number, are asked for, and hold.</summary>
    public void Add(StoredChunk chunk)
    {
        var last = Math.Min(history.Horizon(chunk.Attempt), query.ToStep ?? long.MaxValue);
        var first = query.FromStep ?? long.MinValue;
        for (var i = (int)Math.Max(0, query.After - chunk.Before); i < chunk.Count && !IsFull; i++)
        {
            var (report, metric) = (chunk.Events[i] - 1, chunk.Metrics[i]);
            var step = chunk.Steps[report];
            if (step < first || step > last || wanted?.Contains(metric) == false) continue;
            if (history.IsRepeated(chunk.Attempt, metric, step)) continue;
            if (!metrics.TryGetValue(metric, out var column)) metrics[metric] = column = new();
            column.Add(step, chunk.Epochs[report], chunk.Values[i]);
            Count++;
            LastSeq = chunk.Before + i + 1;
            if (chunk.Ats[report] > newest) newest = chunk.Ats[report];
        }
    }

    public IReadOnlyList<Series> ToSeries(Func<short, string> name) =>
    [
        .. metrics.Select(metric => (Name: name(metric.Key), metric.Value)).OrderBy(metric => metric.Name, StringComparer.Ordinal)
            .Select(metric => metric.Value.ToSeries(metric.Name)),
    ];
}
