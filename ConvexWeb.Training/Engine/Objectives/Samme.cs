namespace ConvexWeb.Training.Engine.Objectives;

/// <summary>
/// Multi-class AdaBoost: Zhu, Zou, Rosset and Hastie, Multi-class AdaBoost,
/// Statistics and Its Interface 2, 2009, algorithm 2 (science.md S7d).
/// err = Σ w·[wrong] / Σ w; alpha = ln((1 − err)/err) + ln(K − 1); w ← w·exp(alpha·[wrong]), renormalised to mean 1.
/// </summary>
internal static class Samme
{
    // Keeps alpha finite where an expert makes no error (the weights then stay as they are, whatever alpha is),
    // and chance apart from rounding.
    private const double Smallest = 1e-12;

    /// <param name="classes">K, at least 2.</param>
    /// <returns>The new weights are null where the expert is no better than chance,
    /// err ≥ 1 − 1/K: alpha would not be positive.</returns>
    public static (double Error, double Alpha, double[]? Weights) After(
        IReadOnlyList<double> weights, IReadOnlyList<bool> wrong, int classes)
    {
        var error = weights.Where((_, i) => wrong[i]).Sum() / weights.Sum();
        var alpha = Math.Log((1 - error) / Math.Max(error, Smallest)) + Math.Log(classes - 1);
        if (error >= 1 - 1.0 / classes - Smallest) return (error, alpha, null);
        var factor = Math.Exp(alpha);
        var grown = weights.Select((w, i) => wrong[i] ? w * factor : w).ToArray();
        var mean = grown.Sum() / grown.Length;
        return (error, alpha, [.. grown.Select(w => w / mean)]);
    }
}
