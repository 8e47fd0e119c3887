using ConvexWeb.Client.Contracts;
using MudBlazor;

namespace ConvexWeb.Client.Certificates;

/// <summary>How pages speak of verdicts and standings: always an icon and words, never colour alone.</summary>
public static class Verdicts
{
    public static string Words(this Verdict verdict) => verdict switch
    {
        Verdict.Convex => "convex",
        Verdict.NotConvex => "not convex",
        Verdict.NotProved => "not proved",
        _ => "inconclusive",
    };

    public static string Icon(this Verdict verdict) => verdict switch
    {
        Verdict.Convex => Icons.Material.Filled.Verified,
        Verdict.NotConvex => Icons.Material.Filled.ShowChart,
        _ => Icons.Material.Filled.HelpOutline,
    };

    /// <summary>That a network without a constraint is not convex is no fault of it.</summary>
    public static string Tone(this Verdict verdict, bool constrained) => verdict switch
    {
        Verdict.Convex => "good",
        Verdict.NotConvex => constrained ? "bad" : "plain",
        _ => constrained ? "warn" : "plain",
    };

    /// <summary>What the verdict is about, in one line; of the loss it says nothing.</summary>
    public static string Meaning(CertificateResult result) => result.Space == CertificateSpace.Features
        ? "Input convexity: whether each logit is a convex function of the features that the head gets, with these weights. "
            + "Not of the pixels, and not of the loss over the weights."
        : "Input convexity: whether each logit is a convex function of the image, with these weights. "
            + "It is not about the loss over the weights.";

    public static string Words(this Standing standing) => standing switch
    {
        Standing.Affine => "affine",
        Standing.Convex => "convex",
        _ => "unknown",
    };

    public static string Icon(this Standing standing) => standing switch
    {
        Standing.Affine => Icons.Material.Filled.TrendingFlat,
        Standing.Convex => Icons.Material.Filled.Check,
        _ => Icons.Material.Filled.HelpOutline,
    };
}
