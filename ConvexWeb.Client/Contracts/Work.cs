using System.Text.Json.Serialization;

namespace ConvexWeb.Client.Contracts;

/// <summary>Which of the items that wait go first.</summary>
public enum Priority
{
    [JsonStringEnumMemberName("lowest")]
    Lowest = 1,

    [JsonStringEnumMemberName("low")]
    Low,

    [JsonStringEnumMemberName("normal")]
    Normal,

    [JsonStringEnumMemberName("high")]
    High,

    /// <summary>For administrators.</summary>
    [JsonStringEnumMemberName("urgent")]
    Urgent,
}

/// <summary>What can be asked of a run, or of another work item.</summary>
public enum ItemAction
{
    /// <summary>It ends; points and checkpoints are kept.</summary>
    [JsonStringEnumMemberName("cancel")]
    Cancel,

    /// <summary>It stops with a checkpoint, and waits until it is resumed.</summary>
    [JsonStringEnumMemberName("pause")]
    Pause,

    /// <summary>A paused one waits for a slot again, and goes on from its checkpoint.</summary>
    [JsonStringEnumMemberName("resume")]
    Resume,

    /// <summary>One that failed or was cancelled is queued again, and goes on from its checkpoint.</summary>
    [JsonStringEnumMemberName("requeue")]
    Requeue,
}

/// <summary>An action that was not done, and one sentence that says why.</summary>
public sealed record RefusedAction(long RunId, string Message);

/// <summary>What became of an action on many runs: how many it was done with, and why not with the others.</summary>
public sealed record BulkResult(int Done, IReadOnlyList<RefusedAction> Refused);

/// <summary>An action on many runs at once.</summary>
public sealed record BulkAction(ItemAction Action, IReadOnlyList<long> Ids)
{
    /// <summary>The most runs that one request may name.</summary>
    public const int MostRuns = 5000;
}

/// <summary>Another priority for runs that have not ended.</summary>
public sealed record Prioritise(Priority Priority, IReadOnlyList<long> Ids);

/// <summary>Why an item waits, as one word.</summary>
public enum WaitCode
{
    /// <summary>Nothing goes before it: it waits for a slot.</summary>
    [JsonStringEnumMemberName("next")]
    Next,

    [JsonStringEnumMemberName("behind")]
    Behind,

    /// <summary>No worker that is alive serves its queue.</summary>
    [JsonStringEnumMemberName("no_worker")]
    NoWorker,

    /// <summary>All workers of its queue take nothing new, and some of them because an administrator drains them.</summary>
    [JsonStringEnumMemberName("draining")]
    Draining,

    /// <summary>All workers of its queue are of another version than the server.</summary>
    [JsonStringEnumMemberName("other_version")]
    OtherVersion,

    /// <summary>The lab is closed for maintenance.</summary>
    [JsonStringEnumMemberName("maintenance")]
    Maintenance,

    /// <summary>It failed, and is tried again in a while.</summary>
    [JsonStringEnumMemberName("retry")]
    Retry,

    [JsonStringEnumMemberName("user_limit")]
    UserLimit,

    [JsonStringEnumMemberName("study_limit")]
    StudyLimit,

    /// <summary>It fits on no device of the queue's workers, or on none with a free slot at the moment.</summary>
    [JsonStringEnumMemberName("memory")]
    Memory,
}

/// <summary>An item that waits, as the queue shows it.</summary>
public sealed record QueuedItem
{
    /// <summary>
    /// How many go before it, and one: in the order in which slots that come free are given, among the items of all queues that the
    /// workers of its queue serve.
    /// </summary>
    public required long Place { get; init; }

    /// <summary>run or certificate.</summary>
    public required string Kind { get; init; }
    public required long RunId { get; init; }
    public required string Name { get; init; }
    public required string CreatedBy { get; init; }
    public required Priority Priority { get; init; }
    public required string Queue { get; init; }

    /// <summary>What it is expected to need on its device; 0 when that is not known.</summary>
    public required int MemoryMb { get; init; }
    public required DateTimeOffset QueuedAt { get; init; }
    public required WaitCode Code { get; init; }

    /// <summary>Why it waits, in a sentence.</summary>
    public required string Why { get; init; }

    /// <summary>
    /// When it is expected to start, from how long runs like those before it have taken, limits and memory among it; null when that is
    /// not known, or when it cannot start as things are.
    /// </summary>
    public DateTimeOffset? StartsAt { get; init; }
}

/// <summary>What waits, in the order in which it is expected to start.</summary>
/// <param name="Maintenance">Why nothing starts; null when work goes on.</param>
/// <param name="Total">How many wait, of which <paramref name="Items"/> may be the first.</param>
public sealed record QueueView(string? Maintenance, IReadOnlyList<QueuedItem> Items, long Total);

/// <summary>What the lab has agreed on. A limit that is null is none.</summary>
/// <param name="Maintenance">Why nothing starts; null when work goes on.</param>
/// <param name="UserRunning">Items of one user that run at once.</param>
/// <param name="UserWaiting">Items of one user that wait.</param>
/// <param name="StudyRunning">Runs of one study that run at once.</param>
public sealed record LabPolicy(string? Maintenance, int? UserRunning, int UserWaiting, int? StudyRunning);

/// <summary>A user's share of the slots, beside the other users' that want some.</summary>
/// <param name="Weight">Users have slots in the ratio of their weights; 1 for all who are not named.</param>
/// <param name="MaxRunning">Instead of the lab's limit.</param>
public sealed record UserShare(string User, double Weight = 1, int? MaxRunning = null);

/// <summary>The queue and its rules. Implemented once, in the server.</summary>
public interface IQueue
{
    /// <param name="queue">Only this one; null for all.</param>
    Task<QueueView> ListAsync(string? queue = null, int limit = 200, CancellationToken cancel = default);
    Task<LabPolicy> PolicyAsync(CancellationToken cancel = default);
    Task<IReadOnlyList<UserShare>> SharesAsync(CancellationToken cancel = default);

    /// <summary>Administrators only.</summary>
    /// <exception cref="InvalidInputException">A value is not allowed.</exception>
    Task<LabPolicy> ChangePolicyAsync(LabPolicy policy, CancellationToken cancel = default);

    /// <summary>Administrators only; a weight of 1 without a limit is that of everybody.</summary>
    /// <exception cref="InvalidInputException">A value is not allowed.</exception>
    Task<UserShare> ChangeShareAsync(UserShare share, CancellationToken cancel = default);
}
