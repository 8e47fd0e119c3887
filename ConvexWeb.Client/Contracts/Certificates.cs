using System.Text.Json.Serialization;

namespace ConvexWeb.Client.Contracts;

/// <summary>What a certificate says.</summary>
public enum Verdict
{
    /// <summary>Proved by structure, and nowhere violated.</summary>
    Convex,

    /// <summary>A violation was found.</summary>
    NotConvex,

    /// <summary>Neither proved nor violated.</summary>
    NotProved,

    /// <summary>The test itself failed its control.</summary>
    Inconclusive,
}

/// <summary>What of an operation's output as a function of the input is known: affine, convex, or nothing.</summary>
public enum Standing
{
    Affine,
    Convex,
    Unknown,
}

/// <summary>Of what the logits are functions in a certificate.</summary>
public enum CertificateSpace
{
    [JsonStringEnumMemberName("pixels")]
    Pixels,

    /// <summary>For a convex head on a free network.</summary>
    [JsonStringEnumMemberName("features")]
    Features,
}

/// <summary>Asks for a certificate of a run's input convexity.</summary>
/// <param name="Checkpoint">last or best.</param>
/// <param name="Pairs">Pairs of each kind, 10 to 20,000; null for as many as the network takes in reasonable time, 2,000 at most.</param>
/// <param name="Twin">An unconstrained run of the same model and data, whose last checkpoint is the control; none: a network with
/// the initial weights of the seed.</param>
public sealed record CertificateRequest(string Checkpoint = "last", int? Pairs = null, long? Twin = null);

/// <summary>A certificate: of which checkpoint, how far it is, and what came out.</summary>
public sealed record CertificateView
{
    public required Guid Id { get; init; }
    public required long RunId { get; init; }
    public required int Attempt { get; init; }

    /// <summary>last or best.</summary>
    public required string Checkpoint { get; init; }

    /// <summary>Step and SHA-256 of the file that it is made of.</summary>
    public required long Step { get; init; }
    public required string Sha256 { get; init; }
    public required int Pairs { get; init; }
    public long? Twin { get; init; }
    public required RunState State { get; init; }
    public string? Worker { get; init; }
    public required DateTimeOffset RequestedAt { get; init; }
    public required string RequestedBy { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>Why it failed, or why it waits.</summary>
    public string? Reason { get; init; }

    /// <summary>Of one that is done; null for one that this version cannot read.</summary>
    public CertificateResult? Result { get; init; }
}

/// <summary>A certificate in a word: how far it is, and what it says when it is done.</summary>
public sealed record CertificateMark(RunState State, Verdict? Verdict);

/// <summary>
/// Whether the logits of a network are convex functions of its input: what its structure proves, what its numbers show, and a control.
/// </summary>
/// <param name="Constraint">The convexity constraint of the spec; none for an ordinary network.</param>
/// <param name="Sentence">The verdict in words.</param>
/// <param name="InPixels">Of a convex head: the same test on images, where violations are expected.</param>
/// <param name="Control">The same test on an unconstrained twin, which must find violations, or it has no power. Null where the
/// network itself has no constraint.</param>
/// <param name="ControlIs">The control in words.</param>
public sealed record CertificateResult(
    string Model, string Constraint, Verdict Verdict, string Sentence, CertificateSpace Space, ProofView Structure,
    InequalitiesView Empirical, InequalitiesView? InPixels = null, InequalitiesView? Control = null, string? ControlIs = null);

/// <summary>The proof by structure.</summary>
/// <param name="SmallestCovered">The smallest weight that the constraint covers; null without one.</param>
/// <param name="Broken">Names of the operations where convexity ends.</param>
public sealed record ProofView(
    bool Proved, IReadOnlyList<string> Broken, IReadOnlyList<ProofNodeView> Tree, double? SmallestCovered = null);

/// <summary>A part of the network: a folder of parts, or an operation with what comes out of it and why.</summary>
/// <param name="Kind">Of an operation; null for a folder.</param>
/// <param name="Breaks">Convexity ends here, or in one of the parts.</param>
public sealed record ProofNodeView(
    string Name, Standing Standing, bool Breaks, IReadOnlyList<ProofNodeView> Children, string? Kind = null, string? Because = null);

/// <summary>What the numbers say.</summary>
/// <param name="NotFinite">Checks whose logits were no finite numbers; they count as neither kept nor violated.</param>
public sealed record InequalitiesView(
    IReadOnlyList<InequalityView> Midpoint, InequalityView Jensen, InequalityView Lines, IReadOnlyList<SegmentView> Segments,
    long Violations, long Checks, long NotFinite);

/// <summary>One kind of inequality on one kind of points.</summary>
/// <param name="Tested">Pairs, tuples or lines.</param>
/// <param name="Checks">Inequalities: each of all logits.</param>
/// <param name="Worst">The largest excess over what convexity allows; negative where there is slack everywhere.</param>
public sealed record InequalityView(string Name, int Tested, long Checks, long Violations, long NotFinite, double Worst);

/// <summary>The logits along a straight line between two test images, the From-th and the To-th.</summary>
/// <param name="At">Places on the line, 0 to 1.</param>
/// <param name="Logits">Of each class, at each place.</param>
/// <param name="Violations">Negative second differences.</param>
public sealed record SegmentView(int From, int To, IReadOnlyList<double> At, IReadOnlyList<IReadOnlyList<double>> Logits, long Violations);

/// <summary>What a request may choose: how many pairs the network takes in reasonable time, and runs that can be its control.</summary>
public sealed record CertificateChoices(int Pairs, IReadOnlyList<TwinView> Twins);

/// <summary>An unconstrained run of the same model and data.</summary>
public sealed record TwinView(long RunId, string Name, int Seed, string Study);

/// <summary>What pages and API do with certificates. Implemented once, in the server.</summary>
public interface ICertificates
{
    /// <summary>Null when there is no such run. Whoever asks for the same again gets the same certificate, unless it failed.</summary>
    /// <exception cref="InvalidInputException">The request is not valid; each problem names its field.</exception>
    Task<CertificateView?> RequestAsync(long runId, CertificateRequest request, CancellationToken cancel = default);

    /// <summary>The one that was asked for last; null when there is none.</summary>
    Task<CertificateView?> LatestAsync(long runId, CancellationToken cancel = default);

    /// <summary>
    /// Ends one that waits or is being made: the newest that the caller asked for, else the one that was asked for last.
    /// </summary>
    Task<ActionResult> CancelAsync(long runId, CancellationToken cancel = default);

    /// <summary>Null when there is no such run.</summary>
    Task<CertificateChoices?> ChoicesAsync(long runId, CancellationToken cancel = default);
}
