using ConvexWeb.Training.Models;

namespace ConvexWeb.Training.Engine.Objectives;

/// <summary>
/// How boosting weighs the training images again after an expert. SAMME: Zhu, Zou, Rosset and Hastie, Multi-class AdaBoost, Statistics and
/// Its Interface 2, 2009, algorithm 2; Friedman, Hastie and Tibshirani 2000: discrete AdaBoost (science.md S7d).
/// err = Σ w·[wrong] / Σ w; alpha = ln((1 − err)/err), with SAMME + ln(K − 1); w ← w·exp(alpha·[wrong]), renormalised to mean 1.
/// </summary>
internal static class Boosting
{
    private const double Smallest = 1e-12;

    /// <param name="classes">K, at least 2.</param>
    /// <returns>The new weights are null where boosting is at its end: the expert makes no error, or is so often wrong that alpha would
    /// not be positive (with SAMME, no better than chance).</returns>
    public static (double Error, double Alpha, double[]? Weights) After(
        IReadOnlyList<double> weights, IReadOnlyList<bool> wrong, int classes, BoostingRule rule)
    {
        var error = weights.Where((_, i) => wrong[i]).Sum() / weights.Sum();
        var restarts = rule == BoostingRule.SammeRestart;
        if (error <= 0) return (0, double.PositiveInfinity, restarts ? [.. weights] : null);
        var alpha = Math.Log((1 - error) / error) + (rule == BoostingRule.Friedman ? 0 : Math.Log(classes - 1));
        if (!(alpha > Smallest)) return (error, alpha, restarts ? [.. weights.Select(_ => 1.0)] : null);
        var factor = Math.Exp(alpha);
        var grown = weights.Select((w, i) => wrong[i] ? w * factor : w).ToArray();
        var mean = grown.Sum() / grown.Length;
        return (error, alpha, [.. grown.Select(w => w / mean)]);
    }
}
