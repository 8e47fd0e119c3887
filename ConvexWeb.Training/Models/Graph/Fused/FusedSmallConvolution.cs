using System.Numerics;
using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>
/// A convolution of few channels without padding, and the max pool behind it. See <see cref="SmallConvolutionKernel"/>. Its result has the
/// batch last in memory, which the next such layer takes as it is; what works on each value by itself keeps it so.
/// </summary>
internal static class FusedSmallConvolution
{
    // With more channels the products are thick enough for libtorch.
    private const long MostChannels = 32, LargestKernel = 5;

    /// <param name="pool">Behind it; null for none.</param>
    /// <param name="x">[B, C, H, W].</param>
    /// <param name="w">Weight [O, C, k, k] and, where there is one, bias [O].</param>
    /// <returns>[B, O, H', W']; null where the kernel does not fit.</returns>
    public static Tensor? Apply(Conv2dOperation convolution, MaxPoolOperation? pool, Tensor x, Tensor[] w)
    {
        var suits = convolution is { Stride: 1, Padding: 0, Groups: 1, Kernel: > 1 and <= LargestKernel, In: <= MostChannels }
            && convolution.Out <= MostChannels && convolution.Out % SmallConvolutionKernel.Outputs == 0;
        if (!suits || pool is not (null or { Kernel: 2, Stride: 2, Padding: 0, Ceil: false })) return null;
        if (!FusedLayers.Fits(KernelKind.SmallConvolution, x) || x.ndim != 4 || x.shape[1] != convolution.In) return null;
        if (w.Any(tensor => tensor.dtype != x.dtype || !tensor.is_contiguous())) return null;
        if (x.requires_grad && convolution.In % SmallConvolutionKernel.Outputs != 0) return null;
        var shape = new SmallConvolution(
            (int)convolution.In, (int)x.shape[2], (int)x.shape[3], (int)convolution.Out, (int)convolution.Kernel, pool is null ? 1 : 2);
        if (shape.ConvolvedHeight < shape.Pool || shape.ConvolvedWidth < shape.Pool) return null;
        var layer = new Layer(shape, x.shape[0], x.requires_grad, w.Length > 1);
        if (!is_grad_enabled())
        {
            using var packed = Function.Packed(x);
            return Function.Unpacked(Function.Convolve(layer, packed, w[0], w.ElementAtOrDefault(1), null), layer);
        }
        return layer.HasBias ? Function.apply(x, w[0], w[1], layer) : Function.apply(x, w[0], layer);
    }

    private sealed record Layer(SmallConvolution Shape, long Batch, bool NeedsInputGradient, bool HasBias);

    private sealed class Function : FusedFunction<Function, Layer>
    {
        protected override (Tensor, List<Tensor>) Forward(Layer layer, Tensor[] inputs)
        {
            var packed = Packed(inputs[0]);
            var which = empty([layer.Shape.Out * layer.Shape.Pooled, packed.shape[3]], packed.dtype);
            var y = Convolve(layer, packed, inputs[1], inputs.ElementAtOrDefault(2), which);
            return (Unpacked(y, layer), [packed, inputs[1], which]);
        }

        /// <summary>[B, C, H, W] → [C, H, W, B up to the next multiple of a vector], zeros at the end: a view where it lies so.</summary>
        public static Tensor Packed(Tensor x)
        {
            var lanes = x.dtype == ScalarType.Float32
                ? SmallConvolutionKernel.VectorLength<float>() : SmallConvolutionKernel.VectorLength<double>();
            var (batch, whole) = (x.shape[0], (x.shape[0] + lanes - 1) / lanes * lanes);
            var last = x.permute(1, 2, 3, 0);
            if (whole == batch) return last.contiguous();
            var packed = zeros([x.shape[1], x.shape[2], x.shape[3], whole], x.dtype);
            packed.narrow(3, 0, batch).copy_(last);
            return packed;
        }

        /// <summary>The images of a batch that was filled up; no view, since an activation may write over it.</summary>
        public static Tensor Unpacked(Tensor y, Layer layer)
            => y.shape[0] == layer.Batch ? y : y.narrow(0, 0, layer.Batch).contiguous();

        /// <returns>[B and more, O, H', W'], the batch last in memory.</returns>
        public static Tensor Convolve(Layer layer, Tensor packed, Tensor weight, Tensor? bias, Tensor? which)
        {
            bias ??= zeros([layer.Shape.Out], packed.dtype);
            var (shape, batch) = (layer.Shape, packed.shape[3]);
            long[] strides = [1, shape.Pooled * batch, shape.OutWidth * batch, batch];
            var y = empty_strided([batch, shape.Out, shape.OutHeight, shape.OutWidth], strides, packed.dtype);
            if (packed.dtype == ScalarType.Float32) Convolve<float>(shape, packed, weight, bias, which, y);
            else Convolve<double>(shape, packed, weight, bias, which, y);
            return y;
        }

        private static unsafe void Convolve<T>(
            SmallConvolution shape, Tensor packed, Tensor weight, Tensor bias, Tensor? which, Tensor y)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            SmallConvolutionKernel.Forward(
                shape, (T*)LibtorchNative.Data(packed), (T*)LibtorchNative.Data(weight), (T*)LibtorchNative.Data(bias),
                (T*)LibtorchNative.Data(y), which is null ? null : (T*)LibtorchNative.Data(which), packed.shape[3]);
            GC.KeepAlive((packed, weight, bias, which));
        }

        protected override List<Tensor> Backward(Layer layer, Tensor gradient, List<Tensor> saved)
            => saved[0].dtype == ScalarType.Float32 ? Backward<float>(layer, gradient, saved) : Backward<double>(layer, gradient, saved);

        private static unsafe List<Tensor> Backward<T>(Layer layer, Tensor gradient, List<Tensor> saved)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            var (shape, packed, weight, which, sent) = (layer.Shape, saved[0], saved[1], saved[2], Packed(gradient));
            var batch = packed.shape[3];
            var convolved = empty([shape.Out * shape.Places, batch], packed.dtype);
            var (toWeight, toBias) = (empty(weight.shape, weight.dtype), empty([shape.Out], weight.dtype));
            T* input = (T*)LibtorchNative.Data(packed), own = (T*)LibtorchNative.Data(convolved), filter = (T*)LibtorchNative.Data(weight);
            SmallConvolutionKernel.Spread(
                shape, (T*)LibtorchNative.Data(sent), (T*)LibtorchNative.Data(which), own, (T*)LibtorchNative.Data(toBias), batch);
            SmallConvolutionKernel.WeightGradient(shape, input, own, (T*)LibtorchNative.Data(toWeight), batch);
            Tensor toInput = null!;
            if (layer.NeedsInputGradient)
            {
                var below = empty(packed.shape, packed.dtype);
                SmallConvolutionKernel.InputGradient(shape, filter, own, (T*)LibtorchNative.Data(below), batch);
                toInput = below.narrow(3, 0, layer.Batch).permute(3, 0, 1, 2);
            }
            GC.KeepAlive((packed, weight, which, sent, convolved));
            return layer.HasBias ? [toInput, toWeight, toBias] : [toInput, toWeight];
        }
    }
}
