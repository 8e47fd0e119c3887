using System.Text.Json;
using ConvexWeb.Client.Contracts;
using Reported = ConvexWeb.Training.Events;

namespace ConvexWeb.Server.Certificates;

/// <summary>What the trainer prints, as the contract of the pages has it.</summary>
internal static class CertificateResults
{
    /// <returns>Null for what is no certificate, or one of another version.</returns>
    public static CertificateResult? Read(string? json)
    {
        if (json is null) return null;
        try
        {
            return JsonSerializer.Deserialize(json, Reported.EventJson.Default.Certificate) is { } reported ? View(reported) : null;
        }
        catch (Exception problem) when (problem is JsonException or FormatException)
        {
            return null;
        }
    }

    private static CertificateResult View(Reported.Certificate reported) => new(
        reported.Model, reported.Constraint, Verdict(reported.Verdict), reported.Sentence, reported.Space,
        View(reported.Structure), View(reported.Empirical),
        ViewOrNull(reported.InPixels), ViewOrNull(reported.Control), reported.ControlIs);

    private static ProofView View(Reported.StructuralProof proof) =>
        new(proof.Proved, proof.Broken, [.. proof.Tree.Select(View)], proof.SmallestCovered);

    private static ProofNodeView View(Reported.ProofNode node) =>
        new(node.Name, Standing(node.Standing), node.Breaks, [.. node.Children.Select(View)], node.Kind, node.Because);

    private static InequalitiesView? ViewOrNull(Reported.EmpiricalTest? test) => test is null ? null : View(test);

    private static InequalitiesView View(Reported.EmpiricalTest test) => new(
        [.. test.Midpoint.Select(View)], View(test.Jensen), View(test.Lines), [.. test.Segments.Select(View)], test.Violations, test.Checks,
        test.NotFinite);

    private static InequalityView View(Reported.PairTest test) =>
        new(test.Name, test.Tested, test.Checks, test.Violations, test.NotFinite, test.Worst);

    private static SegmentView View(Reported.Segment segment) =>
        new(segment.From, segment.To, segment.At, segment.Logits, segment.Violations);

    private static Verdict Verdict(string word) => word switch
    {
        "convex" => Client.Contracts.Verdict.Convex,
        "not_convex" => Client.Contracts.Verdict.NotConvex,
        "not_proved" => Client.Contracts.Verdict.NotProved,
        "inconclusive" => Client.Contracts.Verdict.Inconclusive,
        _ => throw new FormatException($"There is no verdict {word}."),
    };

    private static Standing Standing(string word) => word switch
    {
        "affine" => Client.Contracts.Standing.Affine,
        "convex" => Client.Contracts.Standing.Convex,
        "unknown" => Client.Contracts.Standing.Unknown,
        _ => throw new FormatException($"There is no standing {word}."),
    };
}
