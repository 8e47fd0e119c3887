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
    /// <param name="stop">The attempt is to stop, with a checkpoint if it can; it then ends as <see cref="Outcome.Stopped"/>.</param>
    /// <param name="fence">The item is another's: the attempt is to end at once, and nothing of it counts.</param>
    Task<AttemptEnd> ExecuteAsync(Assignment assignment, string device, CancellationToken stop, CancellationToken fence);
}
