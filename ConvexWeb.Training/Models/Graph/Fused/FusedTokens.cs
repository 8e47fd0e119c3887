using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>weight · x + bias over the tokens of every sample, without a transposed copy. See <see cref="TokenProductKernel"/>.</summary>
internal static class FusedTokens
{
    /// <param name="x">[B, S, C].</param>
    /// <param name="w">Weight [T, S] and bias [T].</param>
    /// <returns>[B, T, C]; null where the kernel does not fit.</returns>
    public static Tensor? Apply(Tensor x, Tensor[] w)
    {
        if (!LibtorchNative.HasBlas || !FusedLayers.Fits(KernelKind.Tokens, x) || w.Length != 2 || x.ndim != 3 || w[0].dtype != x.dtype || w[1].dtype != x.dtype) return null;
        if (w[0].shape[1] != x.shape[1] || w[1].numel() != w[0].shape[0]) return null;
        if (is_grad_enabled()) return Function.apply(x, w[0], w[1], Layer.Only);
        return Function.Product(x.contiguous(), w[0].contiguous(), w[1]);
    }

    private sealed class Layer
    {
        public static readonly Layer Only = new();
    }

    private sealed class Function : FusedFunction<Function, Layer>
    {
        protected override (Tensor, List<Tensor>) Forward(Layer layer, Tensor[] inputs)
        {
            Tensor x = inputs[0].contiguous(), weight = inputs[1].contiguous();
            return (Product(x, weight, inputs[2]), [x, weight]);
        }

        public static unsafe Tensor Product(Tensor x, Tensor weight, Tensor bias)
        {
            var (batch, tokens, channels, outputs) = Sizes(x, weight);
            var y = empty([batch, outputs, channels], x.dtype);
            if (x.dtype == ScalarType.Float32)
                TokenProductKernel.Forward((float*)LibtorchNative.Data(x), (float*)LibtorchNative.Data(weight), (float*)LibtorchNative.Data(bias), (float*)LibtorchNative.Data(y), batch, tokens, channels, outputs);
            else
                TokenProductKernel.Forward((double*)LibtorchNative.Data(x), (double*)LibtorchNative.Data(weight), (double*)LibtorchNative.Data(bias), (double*)LibtorchNative.Data(y), batch, tokens, channels, outputs);
            GC.KeepAlive((x, weight, bias));
            return y;
        }

        protected override unsafe List<Tensor> Backward(Layer layer, Tensor gradient, List<Tensor> saved)
        {
            var (x, weight, g) = (saved[0], saved[1], gradient.contiguous());
            var (batch, tokens, channels, outputs) = Sizes(x, weight);
            Tensor toX = empty(x.shape, x.dtype), toWeight = zeros([KernelPool.Threads, outputs, tokens], x.dtype), toBias = zeros([KernelPool.Threads, outputs], x.dtype);
            if (x.dtype == ScalarType.Float32)
                TokenProductKernel.Backward((float*)LibtorchNative.Data(g), (float*)LibtorchNative.Data(x), (float*)LibtorchNative.Data(weight), (float*)LibtorchNative.Data(toX),
                    (float*)LibtorchNative.Data(toWeight), (float*)LibtorchNative.Data(toBias), batch, tokens, channels, outputs);
            else
                TokenProductKernel.Backward((double*)LibtorchNative.Data(g), (double*)LibtorchNative.Data(x), (double*)LibtorchNative.Data(weight), (double*)LibtorchNative.Data(toX),
                    (double*)LibtorchNative.Data(toWeight), (double*)LibtorchNative.Data(toBias), batch, tokens, channels, outputs);
            GC.KeepAlive((g, saved));
            return [toX, toWeight.sum([0]), toBias.sum([0])];
        }

        private static (long Batch, int Tokens, int Channels, int Outputs) Sizes(Tensor x, Tensor weight)
            => (x.shape[0], checked((int)x.shape[1]), checked((int)x.shape[2]), checked((int)weight.shape[0]));
    }
}
