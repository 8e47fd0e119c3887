using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Models.Graph.Fused;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>
/// The largest singular value of a layer without its bias, as a linear map A on its own inputs: of a convolution with its zero padding and
/// stride, where formulas by Fourier transform are exact for circular padding and stride 1 only.
/// Lanczos' method on AᵀA with full reorthogonalisation: Golub and Van Loan, Matrix Computations, 10.1.
/// </summary>
/// <param name="IsConverged">The method's own bound on the error is below a ten-thousandth of the value; else it is too small.</param>
internal sealed record SpectralNorm(double Value, bool IsConverged)
{
    private const int MostSteps = 120;
    private const double Accuracy = 1e-4;

    // Numbers that the basis may hold at once: 256 MB in float64.
    private const long MostNumbers = 32_000_000;

    public static SpectralNorm Of(PlanNetwork network, int step)
    {
        var shape = network.Plan.ValueAt(network.Plan.Steps[step].Operation.Inputs[0]).Shape;
        var device = network.TensorsOf(step)[0].device;
        var size = shape.Aggregate(1L, (a, b) => a * b);
        var most = (int)Math.Min(Math.Min(MostSteps, size), Math.Max(2, MostNumbers / size));
        using var scope = NewDisposeScope();
        // One row a step; in one matrix, so that a step orthogonalises by two products.
        var basis = empty([most, size], ScalarType.Float64).to(device);
        using (var start = new Generator(1))
        using (NewDisposeScope()) basis.select(0, 0).copy_(Unit(randn([size], ScalarType.Float64, generator: start)));
        var (diagonal, beside) = (new List<double>(), new List<double>());
        var (value, bound) = (0.0, double.PositiveInfinity);
        while (diagonal.Count < most)
        {
            using var inner = NewDisposeScope();
            var (steps, last) = (diagonal.Count + 1, basis.select(0, diagonal.Count));
            var next = Squared(network, step, last, shape);
            diagonal.Add(next.dot(last).item<double>());
            // Twice: once leaves rounding of the size of the value.
            var known = basis.narrow(0, 0, steps);
            for (var round = 0; round < 2; round++) next.sub_(known.t().mm(known.mm(next.unsqueeze(1))).squeeze(1));
            var rest = next.norm().item<double>();
            (value, bound) = Largest(diagonal, beside, rest);
            if (bound <= Accuracy * value || value == 0) break;
            beside.Add(rest);
            if (steps < most) basis.select(0, steps).copy_(next.div_(rest));
        }
        network.zero_grad();
        // The bound is on the square: half of it, relatively, on the value.
        return new(Math.Sqrt(Math.Max(0, value)), bound <= 2 * Accuracy * value || value == 0 || diagonal.Count == size);
    }

    // AᵀA·v, which is the gradient of |Av|²/2.
    private static Tensor Squared(PlanNetwork network, int step, Tensor v, IReadOnlyList<long> shape)
    {
        using var scope = NewDisposeScope();
        var x = v.to(network.TensorsOf(step)[0].dtype).view([1, .. shape]).detach().requires_grad_(true);
        FusedFunctions.Backward(network.LinearPart(step, x).square().sum().mul(0.5));
        return x.grad!.detach().flatten().to(ScalarType.Float64, copy: true).MoveToOuterDisposeScope();
    }

    // Of the tridiagonal matrix: its largest eigenvalue, and |rest · last entry of the eigenvector|, which bounds the error.
    private static (double Value, double Bound) Largest(List<double> diagonal, List<double> beside, double rest)
    {
        using var scope = NewDisposeScope();
        var size = diagonal.Count;
        var matrix = new double[size, size];
        for (var i = 0; i < size; i++)
        {
            matrix[i, i] = diagonal[i];
            if (i > 0) matrix[i, i - 1] = matrix[i - 1, i] = beside[i - 1];
        }
        var (values, vectors) = linalg.eigh(from_array(matrix));
        return (values[-1].item<double>(), Math.Abs(rest * vectors[-1, -1].item<double>()));
    }

    private static Tensor Unit(Tensor x) => x.div(x.norm());
}
