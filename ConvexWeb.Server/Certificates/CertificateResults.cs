using System.Text.Json;
using ConvexWeb.Client.Contracts;
using Graph = ConvexWeb.Training.Models.Graph;
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
        reported.Model, reported.Constraint, Verdict(reported.Verdict), reported.Sentence, Space(reported.Space),
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

    private static Verdict Verdict(Reported.Verdict verdict) => verdict switch
    {
        Reported.Verdict.Convex => Client.Contracts.Verdict.Convex,
        Reported.Verdict.NotConvex => Client.Contracts.Verdict.NotConvex,
        Reported.Verdict.NotProved => Client.Contracts.Verdict.NotProved,
        Reported.Verdict.Inconclusive => Client.Contracts.Verdict.Inconclusive,
        _ => throw new FormatException($"There is no verdict {verdict}."),
    };

    private static Standing Standing(Graph.Standing standing) => standing switch
    {
        Graph.Standing.Affine => Client.Contracts.Standing.Affine,
        Graph.Standing.Convex => Client.Contracts.Standing.Convex,
        Graph.Standing.Unknown => Client.Contracts.Standing.Unknown,
        _ => throw new FormatException($"There is no standing {standing}."),
    };

    private static CertificateSpace Space(Reported.CertificateSpace space) => space switch
    {
        Reported.CertificateSpace.Pixels => CertificateSpace.Pixels,
        Reported.CertificateSpace.Features => CertificateSpace.Features,
        _ => throw new FormatException($"There is no space {space}."),
    };
}
