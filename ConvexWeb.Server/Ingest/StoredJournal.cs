using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Ingest;

/// <summary>What is stored of an attempt's journal, and what of the rest is new.</summary>
internal sealed class StoredJournal
{
    private readonly HashSet<short> lastMetrics = [];

    /// <summary>The step of an attempt whose trainer has not said yet where it resumed: it supersedes nothing.</summary>
    public const long NotResumedYet = long.MaxValue;

    /// <summary>Null: the attempt has written nothing yet.</summary>
    public long? ResumedStep { get; init; }
    public long StoredLine { get; init; }
    public long? LastStep { get; private set; }
    public short[] LastMetrics { get => [.. lastMetrics]; init => lastMetrics = [.. value ?? []]; }
    public long? FirstSeq { get; private set; }
    public long? OverlapSeq { get; private set; }

    /// <summary>Attempts after this one went over every later step again.</summary>
    public long? SupersededAfter { get; init; }

    /// <summary>
    /// The points that are not stored. Steps grow within an attempt, so a report is compared with the newest stored step; only one that
    /// comes late, of an older step, has to be looked up.
    /// </summary>
    public async Task<PointChunk> TakeAsync(
        NpgsqlConnection connection, long runId, int attempt, IReadOnlyList<Report> reports, MetricIds metrics, CancellationToken cancel)
    {
        var (before, metricsBefore) = (LastStep, LastMetrics.ToHashSet());
        var late = reports.Where(report => report.Step < before).Select(report => report.Step).Distinct().ToArray();
        var stored = late.Length == 0 ? [] : await LookUpAsync(connection, runId, attempt, late, cancel);
        var taken = new PointChunk();
        foreach (var report in reports)
        {
            if (report.Step > SupersededAfter) continue; // nobody would see it
            foreach (var (name, value) in report.Values)
            {
                var metric = metrics[name];
                if (report.Step == before ? metricsBefore.Contains(metric) : stored.Contains((metric, report.Step))) continue;
                taken.Add(report, metric, value);
                Remember(report.Step, metric);
            }
        }
        return taken;
    }

    /// <param name="lastSeq">The run's newest number before these points.</param>
    public void Number(PointChunk taken, long lastSeq, long resumedStep, bool resumedNow)
    {
        // Where it resumed is said before the first point. Otherwise any of those that are there may be in front of that step.
        if (resumedNow && FirstSeq is not null) OverlapSeq = lastSeq;
        if (taken.Count > 0) FirstSeq ??= lastSeq + 1;
        for (var place = 0; place < taken.Count; place++)
            if (taken.StepAt(place) <= resumedStep) OverlapSeq = lastSeq + place + 1;
    }

    private void Remember(long step, short metric)
    {
        if (step < LastStep) return;
        if (step > LastStep) lastMetrics.Clear();
        LastStep = step;
        lastMetrics.Add(metric);
    }

    private sealed record Stored
    {
        public long[] Steps { get; init; } = [];
        public short[] Events { get; init; } = [];
        public short[] Metrics { get; init; } = [];
    }

    private static async Task<HashSet<(short, long)>> LookUpAsync(
        NpgsqlConnection connection, long run, int attempt, long[] late, CancellationToken cancel)
    {
        var found = new HashSet<(short, long)>();
        foreach (var chunk in await connection.QueryAsync<Stored>(new CommandDefinition(
            """
            select steps, events, metrics from point_chunks where run_id = @run and attempt = @attempt and steps && @late
            union all
            select steps, events, metrics from point_tails where run_id = @run and attempt = @attempt and steps && @late
            """, new { run, attempt, late }, cancellationToken: cancel)))
        {
            for (var i = 0; i < chunk.Metrics.Length; i++) found.Add((chunk.Metrics[i], chunk.Steps[chunk.Events[i] - 1]));
        }
        return found;
    }
}
