using ConvexWeb.Training.Events;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Certification;

/// <summary>
/// The empirical part of a certificate (science.md T.1):
/// f(mean) ≤ mean of f on many pairs and tuples, and second differences along lines, for every logit.
/// A violation is an excess over 1e-9·(1 + the sizes of the logits),
/// far above float64's rounding and far below what a broken network shows.
/// </summary>
/// <param name="logits">[B, …] float64 → [B, K] float64, in eval mode.</param>
/// <param name="points">Real inputs of the network, float64 [N, …].</param>
/// <param name="batch">How many inputs go through the network at once.</param>
internal sealed class Inequalities(Func<Tensor, Tensor> logits, Tensor points, int batch, CancellationToken stop)
{
    private const double Tolerance = 1e-9;
    private const double Near = 1e-2;
    private const int Tuple = 4;
    private const int ShownLines = 3;
    private const int PointsOnLine = 33;

    private readonly double size = points.std().item<double>();

    /// <param name="pairs">Pairs of each kind.</param>
    public EmpiricalTest Run(int pairs) => new(
        [
            Midpoint("test, test", pairs, Real, Real),
            Midpoint("test, noise", pairs, Real, Noise),
            Midpoint("noise, noise", pairs, Noise, Noise),
            Near_(pairs),
        ], Jensen(pairs), OnLines(Math.Clamp(pairs / 50, 4, 40), out var segments), segments);

    private PairTest Midpoint(string name, int pairs, Func<int, Tensor> first, Func<int, Tensor> second)
        => Sum(name, pairs, n => Check([first(n), second(n)], full([n, 2], 0.5, ScalarType.Float64)));

    // x and a neighbour of x: where a kink of one unit would show.
    private PairTest Near_(int pairs) => Sum("test, near", pairs, n =>
    {
        var x = Real(n);
        return Check([x, x + Noise(n) * Near], full([n, 2], 0.5, ScalarType.Float64));
    });

    // Weights drawn uniformly from the simplex: normalised exponentials.
    private PairTest Jensen(int tuples) => Sum("mixtures of 4", tuples, n =>
    {
        var weights = rand([n, Tuple], ScalarType.Float64).clamp(min: 1e-300).log().neg();
        return Check([.. Enumerable.Range(0, Tuple).Select(i => i % 2 == 0 ? Real(n) : Noise(n))], weights / weights.sum(1, true));
    });

    private Tensor Real(int n)
    {
        var index = rand([n], ScalarType.Float64).mul(points.shape[0]).to(ScalarType.Int64).clamp(max: points.shape[0] - 1);
        return points.index_select(0, index);
    }

    private Tensor Noise(int n)
    {
        var shape = points.shape;
        shape[0] = n;
        return randn(shape, ScalarType.Float64) * size;
    }

    // f(Σ wᵢ xᵢ) ≤ Σ wᵢ f(xᵢ), row by row.
    private (long, long, long, double) Check(Tensor[] x, Tensor weights)
    {
        var shape = new long[x[0].ndim];
        Array.Fill(shape, 1);
        shape[0] = -1;
        var mean = x.Select((value, i) => value * weights.select(1, i).view(shape)).Aggregate((a, b) => a + b);
        var ends = x.Select(logits).ToList();
        var bound = ends.Select((value, i) => value * weights.select(1, i).view(-1, 1)).Aggregate((a, b) => a + b);
        var sizes = ends.Select(value => value.abs()).Aggregate((a, b) => a + b);
        return Count(logits(mean) - bound, sizes);
    }

    private PairTest OnLines(int lines, out IReadOnlyList<Segment> segments)
    {
        var shown = new List<Segment>();
        var counter = 0;
        var all = Sum("second differences on lines", lines, n =>
        {
            (long, long, long, double) sum = (0, 0, 0, double.NegativeInfinity);
            for (var i = 0; i < n; i++)
            {
                using var scope = NewDisposeScope();
                var (from, to) = Ends(counter);
                var at = arange(PointsOnLine, ScalarType.Float64) / (PointsOnLine - 1.0);
                var shape = new long[points.ndim];
                Array.Fill(shape, 1);
                shape[0] = PointsOnLine;
                var line = points.narrow(0, from, 1) + (points.narrow(0, to, 1) - points.narrow(0, from, 1)) * at.view(shape);
                var f = cat([.. Pieces(line)]);
                var inner = f.narrow(0, 1, PointsOnLine - 2);
                var (left, right) = (f.narrow(0, 0, PointsOnLine - 2), f.narrow(0, 2, PointsOnLine - 2));
                // Twice the excess of the midpoint inequality on neighbours.
                var found = Count(inner - (left + right) * 0.5, left.abs() + right.abs());
                sum = Plus(sum, found);
                if (counter++ < ShownLines) shown.Add(Shown(from, to, at, f, found.Item2));
            }
            return sum;
        });
        segments = shown;
        return all;
    }

    private (int From, int To) Ends(int line)
    {
        var count = (int)points.shape[0];
        return (line * 2 % count, (line * 2 + 1) % count);
    }

    private IEnumerable<Tensor> Pieces(Tensor x)
    {
        for (long at = 0; at < x.shape[0]; at += batch) yield return logits(x.narrow(0, at, Math.Min(batch, x.shape[0] - at)));
    }

    private static Segment Shown(int from, int to, Tensor at, Tensor f, long violations)
    {
        IReadOnlyList<double> Logit(int k) => [.. f.select(1, k).contiguous().data<double>().ToArray().Select(Finite)];
        return new(from, to, at.data<double>().ToArray(), [.. Enumerable.Range(0, (int)f.shape[1]).Select(Logit)], violations);
    }

    private static double Finite(double value) => double.IsFinite(value) ? value : 0;

    private PairTest Sum(string name, int count, Func<int, (long, long, long, double)> test)
    {
        (long Checks, long Violations, long NotFinite, double Worst) sum = (0, 0, 0, double.NegativeInfinity);
        for (var at = 0; at < count; at += batch)
        {
            stop.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            sum = Plus(sum, test(Math.Min(batch, count - at)));
        }
        return new(name, count, sum.Checks, sum.Violations, sum.NotFinite, double.IsFinite(sum.Worst) ? sum.Worst : 0);
    }

    private static (long, long, long, double) Plus((long, long, long, double) a, (long, long, long, double) b)
        => (a.Item1 + b.Item1, a.Item2 + b.Item2, a.Item3 + b.Item3, Math.Max(a.Item4, b.Item4));

    private static (long, long, long, double) Count(Tensor excess, Tensor sizes)
    {
        var over = excess - (sizes + 1) * Tolerance;
        var finite = over.isfinite().sum().item<long>();
        var checks = over.numel();
        var worst = finite == checks ? excess.max().item<double>() : double.NegativeInfinity;
        return (checks, over.gt(0).sum().item<long>(), checks - finite, worst);
    }
}
