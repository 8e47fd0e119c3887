namespace ConvexWeb.Training.Convexity;

/// <summary>
/// The convex initialisation of Hoedt and Klambauer 2023 (repository ml-jku/convex-init) for non-negative weights: log-normal with a mean
/// and a variance that keep the signal's size from layer to layer,
/// and a negative bias that takes back what a sum of non-negative terms adds. Formula: science.md S1.8.
/// </summary>
/// <param name="MeanSquare">Square of the weights' mean.</param>
/// <param name="Variance">Variance of the weights.</param>
public sealed record LogNormalStart(double MeanSquare, double Variance, double Bias)
{
    private const double Rho = 0.5;

    /// <summary>Mean of the weights' logarithm.</summary>
    public double Mu => Math.Log(Math.Sqrt(MeanSquare)) - Sigma * Sigma / 2;

    /// <summary>Deviation of the weights' logarithm.</summary>
    public double Sigma => Math.Sqrt(Math.Log(1 + Variance / MeanSquare));

    public static LogNormalStart Of(long fanIn)
    {
        double f = fanIn;
        var c = f * (Math.PI - f + (f - 1) * (Math.Sqrt(1 - Rho * Rho) + Rho * Math.Acos(-Rho))) / (2 * Math.PI);
        var meanSquare = Rho / c;
        return new(meanSquare, 2 * (1 - Rho) / f, -f * Math.Sqrt(meanSquare / (2 * Math.PI)));
    }
}
