using static TorchSharp.torch;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// Which library multiplies float32 matrices on the CPU: MKL, libtorch's default, or oneDNN. oneDNN is reached by permitting bfloat16 precision; processors
/// without matrix units for bfloat16 then still compute in float32, and faster than MKL on many. Whether this one does is measured, never assumed.
/// </summary>
internal static class MatrixProducts
{
    // A product of bfloat16 numbers at this size is wrong by about 0.1; float32 by 0.0001.
    private const double ExactEnough = 1e-3;

    // Rounds of each way; the medians decide, and oneDNN must be ahead by more than the noise.
    private const int Rounds = 7;
    private const double Ahead = 0.97;

    /// <summary>Sends float32 products to oneDNN where it is exact and faster here.</summary>
    /// <returns>What was chosen and why, for the log of a training.</returns>
    public static string Choose(TimeProvider clock)
    {
        if (!LibtorchNative.HasPrecisionSwitch) return "float32 products by MKL: this libtorch has no switch";
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var random = new Generator(1);
        var (a, b) = (randn([256, 1024], generator: random), randn([1024, 300], generator: random));
        LibtorchNative.AllowReducedProducts(true);
        var error = (a.mm(b).to(ScalarType.Float64) - a.to(ScalarType.Float64).mm(b.to(ScalarType.Float64))).abs().max().item<double>();
        if (!(error < ExactEnough))
        {
            LibtorchNative.AllowReducedProducts(false);
            return $"float32 products by MKL: oneDNN would compute them with an error of {error:0.0e0} here";
        }
        var (oneDnn, mkl) = Times(clock);
        var faster = oneDnn < Ahead * mkl;
        LibtorchNative.AllowReducedProducts(faster);
        return $"float32 products by {(faster ? "oneDNN" : "MKL")}: {oneDnn:0.00} ms with oneDNN (error {error:0.0e0}), {mkl:0.00} ms with MKL";
    }

    // Medians in milliseconds of a product as a hidden layer has it.
    private static (double OneDnn, double Mkl) Times(TimeProvider clock)
    {
        var (x, w) = (randn([128, 3072]), randn([3072, 800]));
        var times = new List<double>[] { [], [] };
        for (var round = 0; round <= Rounds; round++)
        {
            for (var way = 0; way < 2; way++)
            {
                LibtorchNative.AllowReducedProducts(way == 0);
                var start = clock.GetTimestamp();
                x.mm(w).Dispose();
                // The first round makes the libraries ready.
                if (round > 0) times[way].Add(clock.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        return (times[0].Order().ElementAt(Rounds / 2), times[1].Order().ElementAt(Rounds / 2));
    }
}
