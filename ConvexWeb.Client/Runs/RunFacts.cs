using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Runs;

/// <summary>What pages derive from a run's row.</summary>
public static class RunFacts
{
    /// <summary>Queued or running: it may still change.</summary>
    public static bool Goes(this RunState state) => state is RunState.Queued or RunState.Running;

    /// <summary>It changes no more, unless somebody asks for it.</summary>
    public static bool Ended(this RunState state) => !state.Goes() && state != RunState.Paused;

    /// <summary>Why nothing new comes of it for now, in a word; null while something may.</summary>
    public static string? Rest(this RunState state) => state.Ended() ? "finished" : state == RunState.Paused ? "paused" : null;

    /// <summary>Whether this is an earlier state of the run than another: rows that come on two ways may overtake one another.</summary>
    public static bool IsOlderThan(this RunRow row, RunRow other) =>
        row.Attempt != other.Attempt ? row.Attempt < other.Attempt
        : row.LastSeq != other.LastSeq ? row.LastSeq < other.LastSeq
        : row.QueuedAt != other.QueuedAt ? row.QueuedAt < other.QueuedAt // it was resumed, or queued again
        : row.State.Goes() && !other.State.Goes();

    public static double Share(this RunRow row) => row.TotalSteps > 0 ? Math.Clamp((double)row.Step / row.TotalSteps, 0, 1) : 0;

    /// <summary>Whether the gap grows, shrinks or stands over the newest quarter of the history; null without a history.</summary>
    public static Trend? GapTrend(this RunRow row)
    {
        if (row.Spark.Count < 2) return null;
        var then = row.Spark[Math.Max(0, row.Spark.Count - 1 - Math.Max(1, row.Spark.Count / 4))];
        var now = row.Spark[^1];
        return (now.Train - now.Test - (then.Train - then.Test)) switch
        {
            > 0.25 => Trend.Grows,
            < -0.25 => Trend.Shrinks,
            _ => Trend.Stands,
        };
    }

    public static string Arrow(this Trend trend) => trend switch { Trend.Grows => "▲", Trend.Shrinks => "▼", _ => "▬" };

    public static string Word(this Trend trend) => trend switch { Trend.Grows => "growing", Trend.Shrinks => "shrinking", _ => "steady" };
}

public enum Trend
{
    Grows,
    Shrinks,
    Stands,
}
