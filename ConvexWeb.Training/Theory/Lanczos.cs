namespace ConvexWeb.Training.Theory;

/// <summary>The ends of a symmetric matrix's spectrum.</summary>
/// <param name="SmallestVector">A unit eigenvector of the smallest eigenvalue.</param>
/// <param name="Residual">‖H·v − λ·v‖ of that vector, computed from H.</param>
/// <param name="Steps">Products with the matrix.</param>
/// <param name="IsConverged">The bound on the error of both is below 10⁻¹⁰ of the larger size.</param>
internal sealed record SpectrumEnds(
    double Smallest, double Largest, double[] SmallestVector, double Residual, int Steps, bool IsConverged);

/// <summary>
/// Lanczos' method with full reorthogonalisation, for a matrix that is known by its products with vectors: Golub and Van Loan, Matrix
/// Computations, 10.1. It finds both ends, also where a power iteration would find the end of larger size alone or, between two of equal
/// size, none.
/// </summary>
internal static class Lanczos
{
    private const int MostSteps = 600;
    private const int StepsBetweenLooks = 5;
    private const double Accuracy = 1e-10;

    /// <param name="size">Length of the vectors.</param>
    /// <param name="key">Of the random start, which has a part in every eigenspace with probability 1.</param>
    public static SpectrumEnds Of(Func<double[], double[]> apply, int size, ulong key, CancellationToken cancel = default)
    {
        var most = Math.Min(size, MostSteps);
        List<double[]> basis = [Unit(Normals.Of(size, key))];
        var (diagonal, beside) = (new List<double>(), new List<double>());
        var scale = 0.0;
        for (var step = 1; ; step++)
        {
            cancel.ThrowIfCancellationRequested();
            var next = apply(basis[^1]);
            diagonal.Add(Dot(next, basis[^1]));
            // Twice: once leaves rounding of the size of the largest eigenvalue.
            for (var round = 0; round < 2; round++)
                foreach (var known in basis) Subtract(next, known, Dot(next, known));
            var rest = Math.Sqrt(Dot(next, next));
            scale = Math.Max(scale, Math.Abs(diagonal[^1]) + rest);
            // Next to nothing is left: the steps so far span an invariant subspace, and its eigenvalues are as exact. Going on would divide
            // rounding by rounding, and the next vector would not be orthogonal to the others.
            var isSpanned = rest <= 1e-12 * scale || step == size;
            if (isSpanned || step == most || step % StepsBetweenLooks == 0)
            {
                var isConverged = isSpanned || Bound(diagonal, beside, rest) <= Accuracy * scale;
                if (isConverged || step == most) return Ends(apply, basis, diagonal, beside, isConverged);
            }
            beside.Add(rest);
            for (var i = 0; i < size; i++) next[i] /= rest;
            basis.Add(next);
        }
    }

    // The error of an eigenvalue is at most |rest · last entry of its eigenvector|; the larger one of both ends.
    private static double Bound(List<double> diagonal, List<double> beside, double rest)
    {
        var last = new double[diagonal.Count];
        last[^1] = 1;
        var values = Tridiagonal.Eigenvalues(diagonal, beside, last);
        return rest * Math.Max(Math.Abs(last[IndexOf(values, values.Min())]), Math.Abs(last[IndexOf(values, values.Max())]));
    }

    private static SpectrumEnds Ends(
        Func<double[], double[]> apply, List<double[]> basis, List<double> diagonal, List<double> beside, bool isConverged)
    {
        var steps = diagonal.Count;
        var rows = Enumerable.Range(0, steps).Select(i =>
        {
            var row = new double[steps];
            row[i] = 1;
            return row;
        }).ToArray();
        var values = Tridiagonal.Eigenvalues(diagonal, beside, rows);
        var (least, most) = (values.Min(), values.Max());
        var column = IndexOf(values, least);
        var vector = new double[basis[0].Length];
        for (var i = 0; i < steps; i++) Subtract(vector, basis[i], -rows[i][column]);
        vector = Unit(vector);
        var residual = apply(vector);
        Subtract(residual, vector, least);
        return new(least, most, vector, Math.Sqrt(Dot(residual, residual)), steps, isConverged);
    }

    private static int IndexOf(double[] values, double value) => Array.IndexOf(values, value);

    private static double[] Unit(double[] vector)
    {
        var length = Math.Sqrt(Dot(vector, vector));
        return Array.ConvertAll(vector, v => v / length);
    }

    private static double Dot(double[] a, double[] b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }

    private static void Subtract(double[] from, double[] vector, double factor)
    {
        for (var i = 0; i < from.Length; i++) from[i] -= factor * vector[i];
    }
}
