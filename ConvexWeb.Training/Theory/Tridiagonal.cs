namespace ConvexWeb.Training.Theory;

/// <summary>
/// Eigenvalues of a symmetric tridiagonal matrix by the QL algorithm with implicit shifts: Bowdler, Martin, Reinsch and Wilkinson 1968,
/// as in EISPACK's <c>imtql2</c>. Each to about 10⁻¹⁵ of the largest.
/// </summary>
internal static class Tridiagonal
{
    private const int MostSweeps = 60;

    /// <param name="diagonal">[k].</param>
    /// <param name="beside">[k − 1]: the numbers beside the diagonal.</param>
    /// <param name="rows">
    /// Rows of length k that the rotations are applied to, in place: those of the identity become those of the eigenvectors' matrix, whose
    /// column i belongs to value i.
    /// </param>
    /// <returns>The eigenvalues [k], in no order.</returns>
    public static double[] Eigenvalues(IReadOnlyList<double> diagonal, IReadOnlyList<double> beside, params double[][] rows)
    {
        var size = diagonal.Count;
        double[] d = [.. diagonal];
        double[] e = [.. beside.Take(size - 1), 0];
        for (var first = 0; first < size; first++)
        {
            for (var sweep = 0; ; sweep++)
            {
                var last = first;
                while (last < size - 1 && Math.Abs(e[last]) > double.Epsilon + 1e-16 * (Math.Abs(d[last]) + Math.Abs(d[last + 1]))) last++;
                if (last == first) break;
                if (sweep == MostSweeps) throw new InvalidOperationException($"QL did not converge in {MostSweeps} sweeps.");
                Sweep(d, e, first, last, rows);
            }
        }
        return d;
    }

    private static void Sweep(double[] d, double[] e, int first, int last, double[][] rows)
    {
        var g = (d[first + 1] - d[first]) / (2 * e[first]);
        g = d[last] - d[first] + e[first] / (g + Math.CopySign(Hypotenuse(g, 1), g));
        var (sin, cos, p) = (1.0, 1.0, 0.0);
        for (var i = last - 1; i >= first; i--)
        {
            var (f, b) = (sin * e[i], cos * e[i]);
            var r = Hypotenuse(f, g);
            e[i + 1] = r;
            if (r == 0)
            {
                // The matrix splits here: the rest is done in the next sweep.
                (d[i + 1], e[last]) = (d[i + 1] - p, 0);
                return;
            }
            (sin, cos) = (f / r, g / r);
            g = d[i + 1] - p;
            r = (d[i] - g) * sin + 2 * cos * b;
            p = sin * r;
            d[i + 1] = g + p;
            g = cos * r - b;
            foreach (var row in rows) (row[i + 1], row[i]) = (sin * row[i] + cos * row[i + 1], cos * row[i] - sin * row[i + 1]);
        }
        (d[first], e[first], e[last]) = (d[first] - p, g, 0);
    }

    private static double Hypotenuse(double a, double b) => double.Hypot(a, b);
}
