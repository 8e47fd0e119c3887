namespace ConvexWeb.Training.Engine.Certification;

/// <summary>Whether a trained network's logits are convex functions of its input: what its structure proves, what its numbers show, and a control.</summary>
/// <param name="Verdict">convex: proved and nowhere violated; not_convex: a violation was found; not_proved: neither; inconclusive: the test itself failed its control.</param>
/// <param name="Sentence">The verdict in words.</param>
/// <param name="Space">pixels, or features for a convex head on a free network.</param>
/// <param name="InPixels">For a convex head: the same test on images, where it must find violations. Null otherwise.</param>
/// <param name="Control">The same test on the unconstrained twin: it must find violations, or it has no power. Null where the network itself is unconstrained.</param>
public sealed record Certificate(
    string Model, string Constraint, string Verdict, string Sentence, string Space, StructuralProof Structure, EmpiricalTest Empirical, EmpiricalTest? InPixels, EmpiricalTest? Control,
    string? ControlIs);

/// <summary>The proof by structure, read off the network's graph and its actual weights.</summary>
/// <param name="Proved">Every operation keeps convexity with the weights that it has.</param>
/// <param name="SmallestCovered">The smallest weight that the constraint covers; null without a constraint.</param>
/// <param name="Broken">Names of the operations where convexity ends.</param>
/// <param name="Tree">The network's parts, nested by name.</param>
public sealed record StructuralProof(bool Proved, double? SmallestCovered, IReadOnlyList<string> Broken, IReadOnlyList<ProofNode> Tree);

/// <summary>A part of the network: a folder of parts, or an operation with what comes out of it and why.</summary>
/// <param name="Standing">affine, convex or unknown; of a folder, of its last operation.</param>
public sealed record ProofNode(string Name, string? Kind, string Standing, string? Because, bool Breaks, IReadOnlyList<ProofNode> Children);

/// <summary>What the numbers say, in float64 and eval mode.</summary>
public sealed record EmpiricalTest(IReadOnlyList<PairTest> Midpoint, PairTest Jensen, PairTest Lines, IReadOnlyList<Segment> Segments)
{
    public long Violations => Midpoint.Sum(m => m.Violations) + Jensen.Violations + Lines.Violations;
    public long Checks => Midpoint.Sum(m => m.Checks) + Jensen.Checks + Lines.Checks;

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
