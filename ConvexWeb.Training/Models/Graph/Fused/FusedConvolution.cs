using System.Numerics;
using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>
/// activation(x ∗ weight + bias) for 3 × 3 convolutions with stride 1 and padding 1,
/// by Winograd's filtering. See <see cref="WinogradKernel"/>.
/// </summary>
internal static class FusedConvolution
{
    // With fewer channels the products are too thin to be faster than an ordinary convolution.
    private const long FewestChannels = 16;

    /// <param name="x">[B, C, H, W] with the channels last in memory.</param>
    /// <param name="w">Weight [K, C, 3, 3] and, where there is one, bias [K].</param>
    /// <returns>[B, K, H, W], channels last; null where the kernel does not fit.</returns>
    public static Tensor? Apply(Conv2dOperation convolution, ActivationFunction function, Tensor x, Tensor[] w)
    {
        var suits = convolution is { Kernel: 3, Stride: 1, Padding: 1, Groups: 1, In: >= FewestChannels, Out: >= FewestChannels };
        if (!suits || !FusedLayers.Fits(KernelKind.Convolution, x)) return null;
        if (x.dtype == ScalarType.Float64 && !LibtorchNative.HasBlas) return null;
        if (FusedActivations.Of(function) is not { } activation) return null;
        if (x.ndim != 4 || x.is_contiguous() || !MemoryLayout.HasChannelsLast(x) || w.Any(tensor => tensor.dtype != x.dtype)) return null;
        if (!w[0].shape.SequenceEqual([convolution.Out, x.shape[1], 3, 3])) return null;
        if (w.Length > 1 && !(w[1].numel() == convolution.Out && w[1].is_contiguous())) return null;
        var layer = new Layer(activation, x.requires_grad, w.Length > 1);
        if (!is_grad_enabled()) return Function.Convolve(x, Function.Taps(w[0]), w.ElementAtOrDefault(1), activation);
        return layer.HasBias ? Function.apply(x, w[0], w[1], layer) : Function.apply(x, w[0], layer);
    }

    private sealed record Layer(FusedActivation Activation, bool NeedsInputGradient, bool HasBias);

    private sealed class Function : FusedFunction<Function, Layer>
    {
        protected override (Tensor, List<Tensor>) Forward(Layer layer, Tensor[] inputs)
        {
            var y = Convolve(inputs[0], Taps(inputs[1]), inputs.ElementAtOrDefault(2), layer.Activation);
            return (y, [inputs[0], inputs[1], y]);
        }

        /// <summary>[K, C, 3, 3] → [3, 3, C, K].</summary>
        public static Tensor Taps(Tensor weight) => weight.permute(2, 3, 1, 0).contiguous();

        /// <param name="taps">[3, 3, C, K].</param>
        public static Tensor Convolve(Tensor x, Tensor taps, Tensor? bias, FusedActivation activation)
        {
            bias ??= zeros([taps.shape[3]], x.dtype);
            var y = MemoryLayout.EmptyChannelsLast(x.shape[0], taps.shape[3], x.shape[2], x.shape[3], x.dtype);
            if (x.dtype == ScalarType.Float32) Convolve<float>(x, taps, bias, activation, y);
            else Convolve<double>(x, taps, bias, activation, y);
            GC.KeepAlive((x, taps, bias));
            return y;
        }

        private static unsafe void Convolve<T>(Tensor x, Tensor taps, Tensor bias, FusedActivation activation, Tensor y)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            T* input = (T*)LibtorchNative.Data(x), filter = (T*)LibtorchNative.Data(taps);
            T* start = (T*)LibtorchNative.Data(bias), output = (T*)LibtorchNative.Data(y);
            var (tiling, from, to) = (new Tiling(x.shape[0], x.shape[2], x.shape[3]), (int)taps.shape[2], (int)taps.shape[3]);
            switch (activation)
            {
                case FusedActivation.Relu: WinogradKernel.Convolve<T, Relu>(input, filter, start, output, tiling, from, to); break;
                case FusedActivation.Elu: WinogradKernel.Convolve<T, Elu>(input, filter, start, output, tiling, from, to); break;
                default: WinogradKernel.Convolve<T, Identity>(input, filter, start, output, tiling, from, to); break;
            }
        }

        protected override List<Tensor> Backward(Layer layer, Tensor gradient, List<Tensor> saved)
            => saved[0].dtype == ScalarType.Float32 ? Backward<float>(layer, gradient, saved) : Backward<double>(layer, gradient, saved);

        private static unsafe List<Tensor> Backward<T>(Layer layer, Tensor gradient, List<Tensor> saved)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            var (x, weight, y) = (saved[0], saved[1], saved[2]);
            var g = MemoryLayout.ChannelsLast(gradient);
            var (batch, channels, height, width, outputs) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3], weight.shape[0]);
            Tensor before = g, toBias = null!, taps = empty([3, 3, channels, outputs], x.dtype);
            if (layer.HasBias || layer.Activation != FusedActivation.Identity)
            {
                (before, toBias) = (MemoryLayout.EmptyLike(y), empty([outputs], x.dtype));
                T* sent = (T*)LibtorchNative.Data(g), result = (T*)LibtorchNative.Data(y);
                T* own = (T*)LibtorchNative.Data(before), bias = (T*)LibtorchNative.Data(toBias);
                var pixels = batch * height * width;
                switch (layer.Activation)
                {
                    case FusedActivation.Relu: BiasActivationKernel.Backward<T, Relu>(sent, result, own, bias, pixels, outputs); break;
                    case FusedActivation.Elu: BiasActivationKernel.Backward<T, Elu>(sent, result, own, bias, pixels, outputs); break;
                    default: BiasActivationKernel.Backward<T, Identity>(sent, result, own, bias, pixels, outputs); break;
                }
            }
            WinogradKernel.FilterGradient(
                (T*)LibtorchNative.Data(x), (T*)LibtorchNative.Data(before), (T*)LibtorchNative.Data(taps),
                new Tiling(batch, height, width), (int)channels, (int)outputs);
            GC.KeepAlive((g, saved, before));
            // The gradient of a convolution's input is the convolution of its output's gradient with the filter turned round.
            var toX = layer.NeedsInputGradient
                ? Convolve(before, weight.permute(2, 3, 0, 1).flip(0, 1).contiguous(), null, FusedActivation.Identity)
                : null!;
            var toWeight = taps.permute(3, 2, 0, 1).contiguous();
            return layer.HasBias ? [toX, toWeight, toBias] : [toX, toWeight];
        }
    }
}
