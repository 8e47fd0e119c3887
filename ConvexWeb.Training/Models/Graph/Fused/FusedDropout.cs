using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>
/// Dropout on all threads: one key from the default generator, and masks that follow from it, so a generator's state from a checkpoint
/// gives the same masks again. See <see cref="DropoutKernel"/>.
/// </summary>
internal static class FusedDropout
{
    public static Tensor? Apply(Tensor x, double p)
    {
        if (!FusedLayers.Fits(KernelKind.Dropout, x) || !(p >= 0 && p < 1)) return null;
        var layer = new Layer(p, NextKey());
        return is_grad_enabled() ? Function.apply(x, layer) : Function.Masked(Dense(x), layer);
    }

    internal static ulong NextKey()
    {
        using var drawn = randint(long.MinValue, long.MaxValue, [1], ScalarType.Int64);
        return (ulong)drawn.item<long>();
    }

    // Places are counted in memory, so the elements must be dense in some order.
    private static Tensor Dense(Tensor x) => x.is_contiguous() || MemoryLayout.HasChannelsLast(x) ? x : x.contiguous();

    private sealed record Layer(double P, ulong Key)
    {
        public long[] Strides { get; set; } = [];
    }

    private sealed class Function : FusedFunction<Function, Layer>
    {
        protected override (Tensor, List<Tensor>) Forward(Layer layer, Tensor[] inputs)
        {
            var x = Dense(inputs[0]);
            layer.Strides = x.stride();
            return (Masked(x, layer), []);
        }

        // The gradient must lie in memory as the value did.
        protected override List<Tensor> Backward(Layer layer, Tensor gradient, List<Tensor> saved)
            => [Masked(MemoryLayout.WithStrides(gradient, layer.Strides), layer)];

        public static unsafe Tensor Masked(Tensor x, Layer layer)
        {
            var y = MemoryLayout.EmptyLike(x);
            if (x.dtype == ScalarType.Float32)
                DropoutKernel.Apply((float*)LibtorchNative.Data(x), (float*)LibtorchNative.Data(y), x.numel(), layer.P, layer.Key);
            else DropoutKernel.Apply((double*)LibtorchNative.Data(x), (double*)LibtorchNative.Data(y), x.numel(), layer.P, layer.Key);
            GC.KeepAlive(x);
            return y;
        }
    }
}
