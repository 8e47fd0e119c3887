using System.Text.Json.Serialization;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Events;

/// <summary>
/// Whether a trained network's logits are convex functions of its input: what its structure proves, what its numbers show, and a control.
/// </summary>
/// <param name="Sentence">The verdict in words.</param>
/// <param name="InPixels">For a convex head: the same test on images, where it must find violations. Null otherwise.</param>
/// <param name="Control">
/// The same test on the unconstrained twin: it must find violations, or it has no power. Null where the network itself is unconstrained.
/// </param>
/// <param name="ControlIs">The control in words.</param>
public sealed record Certificate(
    string Model, string Constraint, Verdict Verdict, string Sentence, CertificateSpace Space, StructuralProof Structure,
    EmpiricalTest Empirical, EmpiricalTest? InPixels = null, EmpiricalTest? Control = null, string? ControlIs = null);

/// <summary>What a certificate says.</summary>
[JsonConverter(typeof(JsonWordConverter<Verdict>))]
public enum Verdict
{
    /// <summary>Proved, and nowhere violated.</summary>
    [JsonStringEnumMemberName("convex")]
    Convex,

    /// <summary>A violation was found.</summary>
    [JsonStringEnumMemberName("not_convex")]
    NotConvex,

    /// <summary>Neither proved nor violated.</summary>
    [JsonStringEnumMemberName("not_proved")]
    NotProved,

    /// <summary>The test itself failed its control.</summary>
    [JsonStringEnumMemberName("inconclusive")]
    Inconclusive,
}

/// <summary>Of what the logits are functions in a certificate.</summary>
[JsonConverter(typeof(JsonWordConverter<CertificateSpace>))]
public enum CertificateSpace
{
    [JsonStringEnumMemberName("pixels")]
    Pixels,

    /// <summary>For a convex head on a free network.</summary>
    [JsonStringEnumMemberName("features")]
    Features,
}

/// <summary>The proof by structure, read off the network's graph and its actual weights.</summary>
public sealed record StructuralProof
{
    /// <summary>Every operation keeps convexity with the weights that it has.</summary>
    public required bool Proved { get; init; }

    /// <summary>The smallest weight that the constraint covers; null without a constraint.</summary>
    public double? SmallestCovered { get; init; }

    /// <summary>Names of the operations where convexity ends.</summary>
    public required IReadOnlyList<string> Broken { get; init; }

    /// <summary>The network's parts, nested by name.</summary>
    public required IReadOnlyList<ProofNode> Tree { get; init; }
}

/// <summary>A part of the network: a folder of parts, or an operation with what comes out of it and why.</summary>
public sealed record ProofNode
{
    public required string Name { get; init; }

    /// <summary>Of an operation; null for a folder.</summary>
    public string? Kind { get; init; }

    /// <summary>Of a folder: that of its last operation.</summary>
    public required Standing Standing { get; init; }
    public string? Because { get; init; }

    /// <summary>Convexity ends here, or in one of the parts.</summary>
    public required bool Breaks { get; init; }
    public required IReadOnlyList<ProofNode> Children { get; init; }
}

/// <summary>What the numbers show, in float64 and eval mode.</summary>
public sealed record EmpiricalTest(IReadOnlyList<PairTest> Midpoint, PairTest Jensen, PairTest Lines, IReadOnlyList<Segment> Segments)
{
    public long Violations => Midpoint.Sum(m => m.Violations) + Jensen.Violations + Lines.Violations;
    public long Checks => Midpoint.Sum(m => m.Checks) + Jensen.Checks + Lines.Checks;

    /// <summary>The largest excess of any inequality over what convexity allows.</summary>
    [JsonIgnore]
    public double LargestExcess => Midpoint.Append(Jensen).Append(Lines).Max(test => test.Worst);

    /// <summary>Checks whose logits were no finite numbers; they count as neither kept nor violated.</summary>
    public long NotFinite => Midpoint.Sum(m => m.NotFinite) + Jensen.NotFinite + Lines.NotFinite;
}

/// <summary>One kind of inequality on one kind of points.</summary>
/// <param name="Tested">Pairs, tuples or lines.</param>
/// <param name="Checks">Inequalities: each of all logits.</param>
/// <param name="Worst">The largest excess over what convexity allows; negative where there is slack everywhere.</param>
public sealed record PairTest(string Name, int Tested, long Checks, long Violations, long NotFinite, double Worst);

/// <summary>The logits along a straight line between two test images.</summary>
/// <param name="Logits">[K][points].</param>
/// <param name="Violations">Negative second differences on this line.</param>
public sealed record Segment(int From, int To, IReadOnlyList<double> At, IReadOnlyList<IReadOnlyList<double>> Logits, long Violations);
