using ConvexWeb.Training.Theory;

namespace ConvexWeb.Tests.Training;

/// <summary>The Hessian of a deep linear network's squared loss (science.md S13.8).</summary>
public sealed class LossConvexityTests
{
    private static LossConvexityReport Run(int layers, int width = 4, int inputs = 5, ulong seed = 0)
        => LossConvexity.Run(layers, width, inputs, seed, TimeProvider.System);

    private static DeepLinearLoss Loss(int inputs, int[] widths, ulong seed)
    {
        var (x, y) = LossConvexity.Draw(inputs, seed);
        return new([inputs, .. widths, LossConvexity.Outputs], x, y);
    }

    private static double[] Place(int count, ulong key, double size) => Array.ConvertAll(Normals.Of(count, key), v => size * v);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Two_matrices_have_a_negative_eigenvalue_at_zero_and_one_has_none(ulong seed)
    {
        var report = Run(2, seed: seed);

        Assert.Equal([HessianPlace.ControlAtZero, HessianPlace.AtZero], report.Cases.Select(at => at.Place));
        var (one, two) = (report.Cases[0], report.Cases[1]);
        Assert.True(one is { IsConverged: true, SmallestEigenvalue: > 0, MidpointExcess: <= 0 }, $"{one}");
        Assert.True(two is { IsConverged: true, SmallestEigenvalue: < -0.1, GradientNorm: 0, MidpointExcess: > 0 }, $"{two}");
        Assert.True(two.Residual < 1e-8, $"{two.Residual}");
        Assert.Contains("not convex", two.Says, StringComparison.Ordinal);
        Assert.Contains("it is convex", one.Says, StringComparison.Ordinal);
    }

    // H = [0, −M; −Mᵀ, 0] with M made of C: ± the singular values of C = Y·Xᵀ/m. And X·Xᵀ/m for one matrix.
    [Fact]
    public void At_zero_the_ends_of_the_spectrum_are_those_of_the_closed_form()
    {
        const int inputs = 5;
        var (x, y) = LossConvexity.Draw(inputs, 0);
        var samples = 1.0 / x.Columns;
        var cross = y * x.Transposed();
        var largest = Math.Sqrt(Eigenvalues(cross * cross.Transposed()).Max()) * samples;
        var covariance = Eigenvalues(x * x.Transposed()).Select(value => value * samples).ToList();

        var report = Run(2, inputs: inputs);

        Assert.Equal(-largest, report.Cases[1].SmallestEigenvalue, 1e-9);
        Assert.Equal(largest, report.Cases[1].LargestEigenvalue, 1e-9);
        Assert.Equal(covariance.Min(), report.Cases[0].SmallestEigenvalue, 1e-9);
        Assert.Equal(covariance.Max(), report.Cases[0].LargestEigenvalue, 1e-9);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void With_three_matrices_or_more_the_Hessian_vanishes_at_zero_and_is_indefinite_near_it(int layers)
    {
        var report = Run(layers);

        Assert.Equal(
            [HessianPlace.ControlAtZero, HessianPlace.AtZero, HessianPlace.AtRandom], report.Cases.Select(at => at.Place));
        Assert.Equal((0.0, 0.0), (report.Cases[1].SmallestEigenvalue, report.Cases[1].LargestEigenvalue));
        Assert.Contains("vanishes", report.Cases[1].Says, StringComparison.Ordinal);
        Assert.True(report.Cases[2] is { IsConverged: true, SmallestEigenvalue: < 0, LargestEigenvalue: > 0 }, $"{report.Cases[2]}");
        Assert.True(report.Cases[2].Residual <= 1e-8 * report.Cases[2].LargestEigenvalue);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Gradient_and_Hessian_are_the_differences_of_the_loss(int layers)
    {
        const double step = 1e-5;
        var loss = Loss(3, [.. Enumerable.Repeat(2, layers - 1)], seed: 4);
        var at = Place(loss.Parameters, 7, 0.7);
        var gradient = loss.Gradient(at);
        for (var i = 0; i < loss.Parameters; i++)
        {
            var (up, down) = (Moved(at, i, step), Moved(at, i, -step));
            Assert.Equal((loss.Value(up) - loss.Value(down)) / (2 * step), gradient[i], 1e-7);

            var column = loss.HessianTimes(at, Moved(new double[loss.Parameters], i, 1));
            var (above, below) = (loss.Gradient(up), loss.Gradient(down));
            for (var j = 0; j < loss.Parameters; j++) Assert.Equal((above[j] - below[j]) / (2 * step), column[j], 1e-6);
        }
    }

    [Theory]
    [InlineData(2, 0)]
    [InlineData(3, 0.3)]
    [InlineData(4, 0.5)]
    public void Lanczos_finds_the_ends_of_the_dense_spectrum(int layers, double size)
    {
        var loss = Loss(4, [.. Enumerable.Repeat(3, layers - 1)], seed: 2);
        var at = Place(loss.Parameters, 9, size);
        var hessian = new Matrix(loss.Parameters, loss.Parameters);
        for (var i = 0; i < loss.Parameters; i++)
            loss.HessianTimes(at, Moved(new double[loss.Parameters], i, 1)).CopyTo(hessian.Values, i * loss.Parameters);
        var dense = Eigenvalues(hessian);

        var ends = Lanczos.Of(v => loss.HessianTimes(at, v), loss.Parameters, key: 3);

        Assert.True(ends.IsConverged);
        Assert.Equal(dense.Min(), ends.Smallest, 1e-9);
        Assert.Equal(dense.Max(), ends.Largest, 1e-9);
        Assert.True(ends.Residual < 1e-8);
    }

    // The second difference: 4·sin²(kπ/2(n + 1)).
    [Fact]
    public void Lanczos_converges_where_a_power_iteration_would_not()
    {
        const int n = 400;
        var ends = Lanczos.Of(
            v => [.. Enumerable.Range(0, n).Select(i => 2 * v[i] - (i > 0 ? v[i - 1] : 0) - (i + 1 < n ? v[i + 1] : 0))], n, key: 1);

        Assert.True(ends.IsConverged);
        Assert.Equal(4 * Math.Pow(Math.Sin(Math.PI / (2 * (n + 1))), 2), ends.Smallest, 1e-9);
        Assert.Equal(4 * Math.Pow(Math.Sin(n * Math.PI / (2 * (n + 1))), 2), ends.Largest, 1e-9);
    }

    [Fact]
    public void The_report_says_what_is_known_and_that_the_claim_is_false()
    {
        var report = Run(2);

        Assert.Contains("False", report.Says, StringComparison.Ordinal);
        Assert.Contains("convex in their product, not in the factors", report.Says, StringComparison.Ordinal);
        Assert.Contains("Kawaguchi 2016", report.Says, StringComparison.Ordinal);
        Assert.Single(Run(1).Cases);
    }

    [Fact]
    public void The_largest_network_that_is_allowed_takes_seconds()
    {
        var report = LossConvexity.Run(
            LossConvexity.MostLayers, LossConvexity.MostWidth, LossConvexity.MostInputs, 0, TimeProvider.System);

        Assert.All(report.Cases, at => Assert.True(at.IsConverged));
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine($"{report.Milliseconds:N0} ms, {report.Cases[^1].Steps} steps");
    }

    private static double[] Moved(double[] at, int place, double step)
    {
        var moved = (double[])at.Clone();
        moved[place] += step;
        return moved;
    }

    // Jacobi's rotations: another way than the one that is tested.
    private static double[] Eigenvalues(Matrix symmetric)
    {
        var (size, a) = (symmetric.Rows, (double[])symmetric.Values.Clone());
        for (var sweep = 0; sweep < 50; sweep++)
            for (var p = 0; p < size; p++)
                for (var q = p + 1; q < size; q++)
                    if (Math.Abs(a[p * size + q]) > 1e-300) Rotate(p, q);
        return [.. Enumerable.Range(0, size).Select(i => a[i * size + i])];

        void Rotate(int p, int q)
        {
            var angle = 0.5 * Math.Atan2(2 * a[p * size + q], a[q * size + q] - a[p * size + p]);
            var (sin, cos) = Math.SinCos(angle);
            for (var k = 0; k < size; k++)
                (a[p * size + k], a[q * size + k]) =
                    (cos * a[p * size + k] - sin * a[q * size + k], sin * a[p * size + k] + cos * a[q * size + k]);
            for (var k = 0; k < size; k++)
                (a[k * size + p], a[k * size + q]) =
                    (cos * a[k * size + p] - sin * a[k * size + q], sin * a[k * size + p] + cos * a[k * size + q]);
        }
    }
}
