using System.Collections.Concurrent;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>
/// Whether libtorch's convolution of a shape can be trusted on this processor. Each kind is compared once a process with its products in
/// float64: the result and both gradients. A library that is wrong must not bend the results of a training; where it is,
/// <see cref="Convolution"/> computes products.
/// </summary>
internal static class ConvolutionCheck
{
    // Of the largest value; float32 sums of some thousand products are wrong by 1e-6, and bfloat16 keeps 8 bits of each factor and result.
    private const double Allowed = 1e-4, AllowedInBf16 = 2e-2;

    private static readonly ConcurrentDictionary<(Conv2dOperation Kind, long Height, long Width, Precision Precision), bool> Known = [];

    /// <summary>Convolutions that were found wrong in this process, in words.</summary>
    public static ConcurrentQueue<string> Found { get; } = [];

    public static bool IsRight(Conv2dOperation c, long height, long width, Precision precision)
        => Known.GetOrAdd((c with { Name = "", Input = 0 }, height, width, precision), _ =>
        {
            if (Compare(c, height, width, (x, w) => Convolution.Library(c, x, w, null), precision) is not { } wrong) return true;
            Found.Enqueue(wrong);
            return false;
        });

    /// <param name="precision">That of the region in which the way is gone; autocast is open then.</param>
    /// <returns>What is wrong with the way, in words; null where it is right.</returns>
    internal static string? Compare(
        Conv2dOperation c, long height, long width, Func<Tensor, Tensor, Tensor> way, Precision precision = Precision.Float32)
    {
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        using var random = new Generator(1);
        var fan = c.In * c.Kernel * c.Kernel / (double)c.Groups;
        Tensor[] values =
        [
            randn([2, c.In, height, width], ScalarType.Float64, generator: random),
            randn([c.Out, c.In / c.Groups, c.Kernel, c.Kernel], ScalarType.Float64, generator: random) / Math.Sqrt(fan),
        ];
        // Autocast leaves float64 alone.
        var exact = ResultsOf(values, ScalarType.Float64, (x, w) => Convolution.Products(c, x, w, null));
        var fast = ResultsOf(values, ScalarType.Float32, way);
        // Math.Max keeps a NaN, which no bound allows.
        var worst = exact.Zip(fast, Error).Aggregate(0.0, Math.Max);
        return worst <= (precision == Precision.Bf16 ? AllowedInBf16 : Allowed) ? null
            : $"libtorch computes the convolution of {c.In} to {c.Out} channels (kernel {c.Kernel}, stride {c.Stride}, {height} × {width}) "
            + $"wrongly on this processor, by {worst:0.0e0} of its largest value; it is replaced by matrix products";
    }

    // Of the largest value.
    private static double Error(Tensor exact, Tensor fast)
        => ((fast.to(ScalarType.Float64) - exact).abs().max() / exact.abs().max()).item<double>();

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
