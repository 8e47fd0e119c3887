using System.Collections.Concurrent;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>
/// Whether libtorch's float32 convolution of a shape can be trusted on this processor. Each kind is compared once a process with its products in float64:
/// the result and both gradients. A library that is wrong must not bend the results of a training; where it is, <see cref="Convolution"/> computes products.
/// </summary>
internal static class ConvolutionCheck
{
    // Of the largest value; float32 sums of some thousand products are wrong by 1e-6.
    private const double Allowed = 1e-4;

    private static readonly ConcurrentDictionary<(long, long, long, long, long, long, long, long), bool> Known = [];

    /// <summary>Convolutions that were found wrong in this process, in words.</summary>
    public static ConcurrentQueue<string> Found { get; } = [];

    public static bool IsRight(Conv2dOperation c, long height, long width)
        => Known.GetOrAdd((c.In, c.Out, c.Kernel, c.Stride, c.Padding, c.Groups, height, width), _ =>
        {
            if (Compare(c, height, width, (x, w) => Convolution.Library(c, x, w, null)) is not { } wrong) return true;
            Found.Enqueue(wrong);
            return false;
        });

    /// <returns>What is wrong with the way, in words; null where it is right.</returns>
    internal static string? Compare(Conv2dOperation c, long height, long width, Func<Tensor, Tensor, Tensor> way)
    {
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        using var random = new Generator(1);
        Tensor[] values =
        [
            randn([2, c.In, height, width], ScalarType.Float64, generator: random),
            randn([c.Out, c.In / c.Groups, c.Kernel, c.Kernel], ScalarType.Float64, generator: random) / Math.Sqrt(c.In * c.Kernel * c.Kernel / (double)c.Groups),
        ];
        var exact = ResultsOf(values, ScalarType.Float64, (x, w) => Convolution.Products(c, x, w, null));
        var fast = ResultsOf(values, ScalarType.Float32, way);
        var worst = exact.Zip(fast, (e, f) => ((f.to(ScalarType.Float64) - e).abs().max() / e.abs().max()).item<double>()).Aggregate(0.0, (a, b) => a >= b ? a : b);
        return worst <= Allowed ? null
            : $"libtorch computes the convolution of {c.In} to {c.Out} channels (kernel {c.Kernel}, stride {c.Stride}, {height} × {width}) wrongly on this processor, "
            + $"by {worst:0.0e0} of its largest value; it is replaced by matrix products";
    }

    // Result, and the gradients of Σ result · (a pattern) by input and weight.
    private static Tensor[] ResultsOf(Tensor[] values, ScalarType type, Func<Tensor, Tensor, Tensor> convolve)
    {
        Tensor[] inputs = [.. values.Select(v => v.to(type, copy: true).requires_grad_(true))];
        var result = convolve(inputs[0], inputs[1]);
        var pattern = (arange(result.numel(), ScalarType.Float64).mul(0.7).sin() + 0.1).view(result.shape).to(type);
        (result * pattern).sum().backward();
        return [result.detach(), inputs[0].grad!, inputs[1].grad!];
    }
}
