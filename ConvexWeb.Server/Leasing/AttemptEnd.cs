using ConvexWeb.Client.Contracts;
using ConvexWeb.Training.Events;

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

    /// <summary>Died, by our hand: it did nothing any more.</summary>
    public static AttemptEnd Hung(string reason) => new(Leasing.Outcome.Hung, RunState.Running, reason);

    /// <summary>What the trainer knows of the cause of its failure.</summary>
    public FailureCause? Cause { get; init; }

    /// <summary>Whether the system ended the trainer because memory ran out; null when that is not known.</summary>
    public bool? KilledForMemory { get; init; }

    /// <summary>The most memory that the trainer had, on the host and on its device, as far as that was seen.</summary>
    public int? PeakMemoryMb { get; init; }
    public int? PeakDeviceMemoryMb { get; init; }
}
