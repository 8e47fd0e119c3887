namespace ConvexWeb.Training.Theory;

/// <summary>Kendall's rank correlation.</summary>
public static class RankCorrelation
{
    /// <summary>
    /// τ-b of pairs (x, y): (concordant − discordant) / √((n₀ − ties in x)(n₀ − ties in y)), n₀ the number of pairs of pairs.
    /// </summary>
    /// <returns>From −1 to 1; null with fewer than two pairs, or where one side is all one value.</returns>
    public static double? TauB(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        if (x.Count != y.Count) throw new ArgumentException("As many numbers on both sides.", nameof(y));
        long agreement = 0, apartInX = 0, apartInY = 0;
        for (var i = 0; i < x.Count; i++)
            for (var j = 0; j < i; j++)
            {
                var (a, b) = (x[i].CompareTo(x[j]), y[i].CompareTo(y[j]));
                agreement += a * b;
                apartInX += a * a;
                apartInY += b * b;
            }
        return apartInX == 0 || apartInY == 0 ? null : agreement / Math.Sqrt((double)apartInX * apartInY);
    }
}
