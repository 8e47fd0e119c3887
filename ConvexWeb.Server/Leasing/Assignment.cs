namespace ConvexWeb.Server.Leasing;

/// <summary>A run and the attempt at it that this worker owns.</summary>
/// <param name="Database">Whose run 1, 2, 3, … it is.</param>
public sealed record Assignment(Guid Database, long RunId, int Attempt, string Spec, int Seed);

/// <summary>How an attempt ended, as stored.</summary>
public static class Outcome
{
    public const string Succeeded = "succeeded";
    public const string Failed = "failed";
    public const string Cancelled = "cancelled";

    /// <summary>The worker was shut down; the run goes on from its checkpoint elsewhere or later.</summary>
    public const string Stopped = "stopped";

    /// <summary>The trainer ended without saying why.</summary>
    public const string Died = "died";

    /// <summary>The trainer did nothing any more and was ended.</summary>
    public const string Hung = "hung";

    /// <summary>The worker was not heard of until its lease was over.</summary>
    public const string Lost = "lost";
}
