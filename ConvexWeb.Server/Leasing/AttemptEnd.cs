namespace ConvexWeb.Server.Leasing;

/// <summary>How an attempt ended.</summary>
public enum Outcome
{
    Succeeded,

    /// <summary>For good: trying again would end in the same way.</summary>
    Failed,

    /// <summary>It was asked to stop (cancel, pause, yield, or its worker shuts down) and left a checkpoint, if it could.</summary>
    Stopped,

    /// <summary>The trainer ended without saying why.</summary>
    Died,

    /// <summary>The trainer neither wrote nor computed anything for minutes, and was ended.</summary>
    Hung,

    /// <summary>Its device had not as much memory as it wanted.</summary>
    OutOfMemory,

    /// <summary>Its files could not be read or written: a network drive was away, for example.</summary>
    Unreachable,

    /// <summary>The worker was not heard of until its lease was over; or, here, the item is another's by now.</summary>
    Lost,
}

/// <summary>How an attempt ended and why. What becomes of its item is decided in one place, <see cref="Leases.EndAsync"/>.</summary>
/// <param name="Code">The reason as one word, where there is one.</param>
public sealed record AttemptEnd(Outcome Outcome, string? Reason = null, string? Code = null)
{
    /// <summary>The most memory that it was seen to have on its device, in MB.</summary>
    public int? PeakMemoryMb { get; init; }

    /// <summary>Whether all that its trainer has written is stored.</summary>
    public bool IsStored { get; init; }

    public static readonly AttemptEnd Succeeded = new(Outcome.Succeeded);
    public static readonly AttemptEnd Stopped = new(Outcome.Stopped);
    public static readonly AttemptEnd Lost = new(Outcome.Lost);

    public static AttemptEnd Failed(string reason, string? code = null) => new(Outcome.Failed, reason, code);
    public static AttemptEnd Died(string reason) => new(Outcome.Died, reason, "crashed");
    public static AttemptEnd Hung(string reason) => new(Outcome.Hung, reason, "hung");
    public static AttemptEnd OutOfMemory(string reason) => new(Outcome.OutOfMemory, reason, "out_of_memory");
    public static AttemptEnd Unreachable(string reason) => new(Outcome.Unreachable, reason, "folder");
}

public static class Outcomes
{
    /// <summary>As the database and the API have it.</summary>
    public static string Word(this Outcome outcome) => outcome switch
    {
        Outcome.Succeeded => "succeeded",
        Outcome.Failed => "failed",
        Outcome.Stopped => "stopped",
        Outcome.Died => "died",
        Outcome.Hung => "hung",
        Outcome.OutOfMemory => "out_of_memory",
        Outcome.Unreachable => "unreachable",
        Outcome.Lost => "lost",
        _ => throw new InvalidOperationException($"There is no outcome {outcome}."),
    };
}
