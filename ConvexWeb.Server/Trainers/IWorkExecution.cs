using ConvexWeb.Server.Leasing;

namespace ConvexWeb.Server.Trainers;

/// <summary>
/// What one kind of work item does, and nothing else: who owns it, for how long, and what becomes of it is the same for all kinds
/// (<see cref="ItemExecution"/>).
/// </summary>
public interface IWorkExecution
{
    WorkKind Kind { get; }

    /// <summary>One attempt. What it stores beside the item it stores fenced (<see cref="Leases.HoldAsync"/>).</summary>
    Task<AttemptEnd> ExecuteAsync(Assignment assignment, string device, AttemptSignals signals);
}

/// <summary>What may end an attempt before its time.</summary>
/// <param name="NodeStops">This worker is to stop, and has some seconds for it.</param>
/// <param name="Stop">That, or somebody wishes it: the attempt stops, with a checkpoint, and ends as <see cref="Outcome.Stopped"/>.</param>
/// <param name="Fence">The item is another's: the attempt is to end at once, and nothing of it counts.</param>
public readonly record struct AttemptSignals(CancellationToken NodeStops, CancellationToken Stop, CancellationToken Fence);
