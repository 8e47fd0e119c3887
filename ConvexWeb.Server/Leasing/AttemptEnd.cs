using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Leasing;

/// <summary>How an attempt ended and what that makes of its run.</summary>
public sealed record AttemptEnd(string Outcome, RunState State, string? Reason)
{
    public static readonly AttemptEnd Succeeded = new(Leasing.Outcome.Succeeded, RunState.Succeeded, null);

    /// <summary>Back to the queue; or Cancelled, when the row says that somebody wants that.</summary>
    public static readonly AttemptEnd Stopped = new(Leasing.Outcome.Stopped, RunState.Queued, null);

    /// <summary>Fenced off: another attempt owns the run, or it has ended.</summary>
    public static readonly AttemptEnd Lost = new(Leasing.Outcome.Lost, RunState.Running, null);

    public static AttemptEnd Failed(string reason) => new(Leasing.Outcome.Failed, RunState.Failed, reason);
    public static AttemptEnd Died(string reason) => new(Leasing.Outcome.Died, RunState.Running, reason);
}
