using System.Text.Json;
using System.Text.Json.Serialization;

namespace ConvexWeb.Client.Contracts;

/// <summary>
/// The life of a work item: a run or a certificate. From Queued to Running to one of the three ends; a lost worker, a shut-down or a
/// retry takes Running back to Queued; Paused waits to be resumed.
/// </summary>
public enum RunState
{
    Queued,
    Running,
    Paused,
    Succeeded,
    Failed,
    Cancelled,
}

/// <summary>One wrong field of a spec or a request: where it is, and one sentence that says what is allowed.</summary>
/// <param name="Path">Dotted path, for example <c>optimizer.lr</c>; empty for the document as a whole.</param>
public sealed record FieldProblem(string Path, string Message);

/// <summary>
/// What a user submits: a spec, the values to vary, and the seeds. It becomes one study with one run per combination and seed.
/// </summary>
public sealed record Submission
{
    /// <summary>The most runs, combinations times seeds, that one study may have.</summary>
    public const int MostRuns = 500;

    public string? Name { get; init; }

    /// <summary>The spec; fields left out take the catalogue's defaults.</summary>
    public JsonElement Spec { get; init; }

    /// <summary>Field path → values to try, for example <c>"labels.name": ["true", "random"]</c>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<JsonElement>>? Grid { get; init; }

    public IReadOnlyList<int> Seeds { get; init; } = [0];

    /// <summary>Which of the items that wait go first. Urgent is for administrators.</summary>
    public Priority Priority { get; init; } = Priority.Normal;

    /// <summary>The label of the workers that may take the runs, such as <c>gpu</c>; null for the server's default.</summary>
    public string? Queue { get; init; }

    /// <summary>How many of the study's runs may run at once; null for the lab's limit.</summary>
    public int? MaxRunning { get; init; }
}

/// <summary>Either the study that was created, or every problem found. Nothing is stored when there is a problem.</summary>
public sealed record SubmissionResult(long? StudyId, IReadOnlyList<long> RunIds, IReadOnlyList<FieldProblem> Problems)
{
    public bool Accepted => Problems.Count == 0;
}

/// <summary>A run as a row of the table. Accuracies and gap are in percent points; null until the first evaluation.</summary>
public sealed record RunRow
{
    public required long Id { get; init; }
    public required string Name { get; init; }
    public required RunState State { get; init; }
    public required int Seed { get; init; }
    public required string Model { get; init; }
    public required string Convexity { get; init; }
    public required string Dataset { get; init; }
    public required string Labels { get; init; }
    public required long StudyId { get; init; }
    public required string Study { get; init; }
    public required string CreatedBy { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    /// <summary>Since when it waits, or waited last.</summary>
    public DateTimeOffset QueuedAt { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    public Priority Priority { get; init; } = Priority.Normal;

    /// <summary>The label of the workers that may take it.</summary>
    public string Queue { get; init; } = "cpu";
    public required int Attempt { get; init; }
    public string? Worker { get; init; }
    public required long Step { get; init; }
    public required long TotalSteps { get; init; }
    public required int Epochs { get; init; }
    public double? TrainAccuracy { get; init; }
    public double? TestAccuracy { get; init; }
    public double? Gap { get; init; }

    /// <summary>Why it failed, or why it waits; null when there is nothing to say.</summary>
    public string? Reason { get; init; }

    /// <summary>The reason as one word, such as <c>crashed</c> or <c>retry</c>.</summary>
    public string? ReasonCode { get; init; }

    /// <summary>A running one is asked to stop, to be cancelled, to be paused, or to make room for a more urgent one.</summary>
    public bool Stopping { get; init; }

    /// <summary>A running one is to be cancelled.</summary>
    public required bool CancelRequested { get; init; }

    /// <summary>Runs that differ only in the seed share this key.</summary>
    public required string GroupKey { get; init; }

    /// <summary>Sequence number of the newest stored point.</summary>
    public required long LastSeq { get; init; }

    /// <summary>Small history for the row's sparkline: (epoch, train accuracy, test accuracy), at most some 24 points.</summary>
    public IReadOnlyList<GapPoint> Spark { get; init; } = [];
}

/// <summary>Train and test accuracy (percent) at an epoch.</summary>
public sealed record GapPoint(double Epoch, double Train, double Test);

/// <summary>A run whole: its row, its spec as stored, its attempts and checkpoints.</summary>
public sealed record RunDetail
{
    public required RunRow Row { get; init; }
    public required JsonElement Spec { get; init; }
    public required long Parameters { get; init; }
    public required long StepsPerEpoch { get; init; }
    public long? RerunOf { get; init; }
    public required IReadOnlyList<AttemptView> Attempts { get; init; }
    public required IReadOnlyList<CheckpointView> Checkpoints { get; init; }

    /// <summary>Newest value of every metric.</summary>
    public required IReadOnlyDictionary<string, double> Latest { get; init; }

    /// <summary>What is certified of its input convexity; null when nobody has asked.</summary>
    public CertificateMark? Certificate { get; init; }
}

/// <summary>
/// One execution of a run. <paramref name="ResumedStep"/> is the step it went on from, 0 for a fresh start and until it is known.
/// </summary>
public sealed record AttemptView(
    int Number, string Worker, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, long ResumedStep, string? Outcome);

/// <summary>A stored checkpoint, downloaded by its id.</summary>
public sealed record CheckpointView(Guid Id, string Kind, long Step, long Bytes, string Sha256, DateTimeOffset CreatedAt);

/// <summary>Runs that were submitted together.</summary>
public sealed record StudyView(long Id, string Name, string CreatedBy, DateTimeOffset CreatedAt, long Runs);

/// <summary>
/// What to list. Cursor paging: pass the last page's <c>Next</c>, which is the id of its last run, as <see cref="After"/>.
/// </summary>
public sealed record RunQuery
{
    public RunState? State { get; init; }
    public string? Search { get; init; }
    public long? StudyId { get; init; }
    public IReadOnlyList<long>? Ids { get; init; }
    public string? After { get; init; }

    /// <summary>How many of the newest are left out, of those that match; not together with <see cref="After"/>.</summary>
    public int Skip { get; init; }
    public int Limit { get; init; } = 50;

    /// <summary>Whether all that match are counted, which costs more than a page of them.</summary>
    public bool Count { get; init; } = true;

    /// <summary>Every one of these must be found somewhere in a run: in its name, model, data, study, user, …</summary>
    public IReadOnlyList<string> Words => (Search ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Whether a run is listed, whatever the page: what the server's statement for lists says, for a row in memory.</summary>
    public bool Matches(RunRow row) =>
        (State is null || row.State == State) && (StudyId is null || row.StudyId == StudyId) && (Ids is null || Ids.Contains(row.Id))
        && Words.All(word => SearchedIn(row).Any(text => Folded(text).Contains(Folded(word), StringComparison.Ordinal)));

    private static IEnumerable<string> SearchedIn(RunRow row)
        => [row.Name, row.Model, row.Convexity, row.Dataset, row.Labels, row.Study, row.CreatedBy];

    // As PostgreSQL's ilike compares: letter by letter, in lower case. .NET leaves the Turkish İ as it is.
    private static string Folded(string text) => text.ToLowerInvariant().Replace('İ', 'i');
}

/// <param name="Next">The cursor of the page that follows; null when there is none.</param>
/// <param name="Total">How many match; 0 where they were not counted.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next, long Total);

/// <summary>Which points of a run: those stored after a sequence number, and/or in a range of steps, and/or of some metrics.</summary>
public sealed record PointQuery
{
    public long After { get; init; }
    public long? FromStep { get; init; }
    public long? ToStep { get; init; }
    public IReadOnlyList<string>? Metrics { get; init; }
    public int Limit { get; init; } = 100_000;
}

/// <summary>
/// Points of one metric in columns, ordered by step; index i of the three arrays is one point. A value may be
/// NaN or infinite (JSON: "NaN", "Infinity").
/// </summary>
public sealed record Series(string Metric, IReadOnlyList<long> Steps, IReadOnlyList<double> Epochs, IReadOnlyList<double> Values);

/// <summary>
/// A run of points with contiguous sequence numbers (<paramref name="After"/>, <paramref name="Seq"/>].
/// <paramref name="Rewind"/>: when not null, a resumed attempt has superseded every stored point with a later step; drop those first.
/// <paramref name="At"/>: when the trainer reported the newest of these points.
/// </summary>
public sealed record PointBatch(
    long RunId, int Attempt, long After, long Seq, long? Rewind, bool More, IReadOnlyList<Series> Series, DateTimeOffset? At = null);

public sealed record LogLine(long Id, int Attempt, DateTimeOffset At, LineLevel Level, string Text);

/// <summary>How much a line of the log matters.</summary>
public enum LineLevel
{
    [JsonStringEnumMemberName("info")]
    Info,

    [JsonStringEnumMemberName("warning")]
    Warning,

    /// <summary>Why the training failed.</summary>
    [JsonStringEnumMemberName("error")]
    Error,

    /// <summary>What the trainer wrote to its error stream.</summary>
    [JsonStringEnumMemberName("stderr")]
    Stderr,
}

/// <summary>
/// Outcome of an action on a run: done, or one sentence saying why not. <paramref name="Found"/> false: no such run.
/// <paramref name="Denied"/>: it is not the caller's to do that with.
/// </summary>
public sealed record ActionResult(bool Found, bool Done, string? Message, long? NewRunId = null, bool Denied = false);

/// <summary>Everything pages and API do with runs. Implemented once, in the server.</summary>
public interface IRuns
{
    Task<SubmissionResult> SubmitAsync(Submission submission, CancellationToken cancel = default);
    Task<Page<RunRow>> ListAsync(RunQuery query, CancellationToken cancel = default);
    Task<RunDetail?> FindAsync(long id, CancellationToken cancel = default);

    /// <summary>The newest studies, newest first.</summary>
    Task<IReadOnlyList<StudyView>> StudiesAsync(int limit, CancellationToken cancel = default);

    /// <summary>Those of the runs that exist, in order of their ids.</summary>
    Task<IReadOnlyList<RunDetail>> FindAllAsync(IReadOnlyCollection<long> ids, CancellationToken cancel = default);
    Task<PointBatch?> PointsAsync(long id, PointQuery query, CancellationToken cancel = default);
    Task<IReadOnlyList<LogLine>?> LogAsync(long id, long after, int limit, CancellationToken cancel = default);

    /// <summary>What the run said at its end; null before, and for runs that ended otherwise.</summary>
    Task<RunSummary?> SummaryAsync(long id, CancellationToken cancel = default);

    /// <summary>Cancels, pauses, resumes or requeues a run. Only its creator and administrators may.</summary>
    Task<ActionResult> ActAsync(ItemAction action, long id, CancellationToken cancel = default);

    /// <summary>As <see cref="ActAsync"/>, with many runs at once.</summary>
    /// <exception cref="InvalidInputException">There are none, or too many of them.</exception>
    Task<BulkResult> ActOnAllAsync(BulkAction action, CancellationToken cancel = default);

    /// <summary>Gives runs that have not ended another priority. Only their creators and administrators may.</summary>
    /// <exception cref="InvalidInputException">There are none, or too many of them.</exception>
    Task<BulkResult> PrioritiseAsync(Prioritise change, CancellationToken cancel = default);

    /// <summary>Queues the same spec and seed again as a new run.</summary>
    Task<ActionResult> RerunAsync(long id, CancellationToken cancel = default);
}
