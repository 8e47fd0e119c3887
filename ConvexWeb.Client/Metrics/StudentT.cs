namespace ConvexWeb.Client.Metrics;

/// <summary>Quantiles of Student's t distribution, for intervals of a mean over few seeds.</summary>
public static class StudentT
{
    // Of 0.975 for 1 to 10 degrees of freedom, from the tables of every textbook.
    private static readonly double[] Few = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281];

    /// <summary>Below this lie 97.5 % of the distribution, so between its negative and it 95 %.</summary>
    public static double Quantile975(int degreesOfFreedom)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(degreesOfFreedom, 1);
        if (degreesOfFreedom <= Few.Length) return Few[degreesOfFreedom - 1];
        // Cornish and Fisher's expansion about the normal quantile: to 1e-4 and better from 11 on.
        const double Z = 1.959964;
        double n = degreesOfFreedom, z2 = Z * Z;
        return Z * (1
            + (z2 + 1) / (4 * n)
            + ((5 * z2 + 16) * z2 + 3) / (96 * n * n)
            + (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * n * n * n));
    }
}
