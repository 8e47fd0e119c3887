using ConvexWeb.Server.Ingest;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>Where an attempt resumed. Attempts that have written nothing are not known.</summary>
internal sealed record AttemptStart
{
    public int Attempt { get; init; }
    public long ResumedStep { get; init; }
    public long? FirstSeq { get; init; }
    public long? OverlapSeq { get; init; }
}

/// <summary>Which points of an attempt hold, given the attempts after it.</summary>
internal sealed class AttemptHistory(IReadOnlyList<AttemptStart> starts)
{
    private Dictionary<(short Metric, long Step), int>? overlaps;

    /// <summary>Points of later steps are superseded: a later attempt resumed before them.</summary>
    public long Horizon(int attempt)
        => starts.Where(start => start.Attempt > attempt).Select(start => start.ResumedStep).DefaultIfEmpty(long.MaxValue).Min();

    /// <summary>
    /// From where a reader of the points up to a number must drop what it has: attempts have resumed since of which it has seen nothing.
    /// </summary>
    public long? RewindAfter(long seq)
    {
        if (starts.Where(start => start.FirstSeq <= seq).Select(start => (int?)start.Attempt).Max() is not { } seen) return null;
        // One that has not resumed yet supersedes nothing.
        return starts.Where(start => start.Attempt > seen && start.ResumedStep < StoredJournal.NotResumedYet)
            .Select(start => (long?)start.ResumedStep).Min();
    }

    /// <summary>
    /// Finds what later attempts reported once more of the steps in front of them, such as the evaluation at the step from which they
    /// resumed. To be called with the attempt of each chunk before its points are looked at; seldom there is anything to read.
    /// </summary>
    public async Task PrepareAsync(NpgsqlConnection connection, long run, int attempt, CancellationToken cancel)
    {
        if (overlaps is not null || !starts.Any(start => start.Attempt > attempt && start.OverlapSeq is not null)) return;
        overlaps = [];
        foreach (var chunk in await StoredChunk.OverlapsAsync(connection, run, cancel))
        {
            var resumed = starts.First(start => start.Attempt == chunk.Attempt).ResumedStep;
            for (var i = 0; i < chunk.Count; i++)
            {
                var point = (chunk.Metrics[i], chunk.Steps[chunk.Events[i] - 1]);
                if (point.Item2 <= resumed) overlaps[point] = Math.Max(chunk.Attempt, overlaps.GetValueOrDefault(point));
            }
        }
    }

    /// <summary>Whether a later attempt has a point of this metric and step too. Then that one holds.</summary>
    public bool IsRepeated(int attempt, short metric, long step)
        => overlaps is not null && overlaps.TryGetValue((metric, step), out var newest) && newest > attempt;
}
