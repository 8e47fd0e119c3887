using System.Numerics;
using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>A locally connected layer without copies of what lies under its places. See <see cref="LocalKernel"/>.</summary>
internal static class FusedLocal
{
    /// <param name="x">[B, C, H, W].</param>
    /// <param name="weight">[P, O, C·k·k].</param>
    /// <returns>[B, O, H', W']; null where the kernel does not fit.</returns>
    public static Tensor? Apply(LocalOperation local, Tensor x, Tensor weight)
    {
        if (!FusedLayers.Fits(KernelKind.Local, x) || weight.dtype != x.dtype || !weight.is_contiguous()) return null;
        var shape = new LocalShape(
            (int)local.In, (int)x.shape[2], (int)x.shape[3], (int)local.Out, (int)local.Kernel, (int)local.Stride, (int)local.Padding);
        if (x.shape[1] != shape.In || !weight.shape.SequenceEqual([shape.Places, shape.Out, shape.Filter])) return null;
        if (!is_grad_enabled())
        {
            using var packed = Function.Pack(x);
            return Function.Unpacked(Function.Multiply(shape, packed, weight), shape, x.shape[0]);
        }
        return Function.apply(x, weight, new Layer(shape, x.shape[0], x.requires_grad));
    }

    private sealed record Layer(LocalShape Shape, long Batch, bool NeedsInputGradient);

    private sealed class Function : FusedFunction<Function, Layer>
    {
        protected override (Tensor, List<Tensor>) Forward(Layer layer, Tensor[] inputs)
        {
            var packed = Pack(inputs[0]);
            return (Unpacked(Multiply(layer.Shape, packed, inputs[1]), layer.Shape, layer.Batch), [packed, inputs[1]]);
        }

        /// <summary>[B, …] → [values of an image, B up to the next multiple of a block], zeros at the end.</summary>
        public static Tensor Pack(Tensor x)
        {
            var batch = x.shape[0];
            var whole = (batch + LocalKernel.Block - 1) / LocalKernel.Block * LocalKernel.Block;
            var flat = x.reshape(batch, -1);
            if (whole == batch) return flat.t().contiguous();
            var packed = zeros([flat.shape[1], whole], x.dtype);
            packed.narrow(1, 0, batch).copy_(flat.t());
            return packed;
        }

        /// <summary>[O·P, B and more] → [B, O, H', W'].</summary>
        public static Tensor Unpacked(Tensor result, LocalShape shape, long batch)
            => result.narrow(1, 0, batch).t().contiguous().view(batch, shape.Out, shape.OutHeight, shape.OutWidth);

        public static Tensor Multiply(LocalShape shape, Tensor packed, Tensor weight)
        {
            var result = empty([shape.Out * shape.Places, packed.shape[1]], packed.dtype);
            if (packed.dtype == ScalarType.Float32) Multiply<float>(shape, packed, weight, result);
            else Multiply<double>(shape, packed, weight, result);
            return result;
        }

        private static unsafe void Multiply<T>(LocalShape shape, Tensor packed, Tensor weight, Tensor result)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            LocalKernel.Forward(
                shape, (T*)LibtorchNative.Data(packed), (T*)LibtorchNative.Data(weight), (T*)LibtorchNative.Data(result), packed.shape[1]);
            GC.KeepAlive((packed, weight));
        }

        protected override List<Tensor> Backward(Layer layer, Tensor gradient, List<Tensor> saved)
            => saved[0].dtype == ScalarType.Float32 ? Backward<float>(layer, gradient, saved) : Backward<double>(layer, gradient, saved);

        private static unsafe List<Tensor> Backward<T>(Layer layer, Tensor gradient, List<Tensor> saved)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            var (shape, packed, weight, sent) = (layer.Shape, saved[0], saved[1], Pack(gradient));
            var toWeight = empty(weight.shape, weight.dtype);
            LocalKernel.WeightGradient(
                shape, (T*)LibtorchNative.Data(packed), (T*)LibtorchNative.Data(sent), (T*)LibtorchNative.Data(toWeight), packed.shape[1]);
            Tensor toInput = null!;
            if (layer.NeedsInputGradient)
            {
                var below = empty(packed.shape, packed.dtype);
                LocalKernel.InputGradient(
                    shape, (T*)LibtorchNative.Data(weight), (T*)LibtorchNative.Data(sent), (T*)LibtorchNative.Data(below), packed.shape[1]);
                toInput = below.narrow(1, 0, layer.Batch).t().contiguous().view(layer.Batch, shape.In, shape.Height, shape.Width);
            }
            GC.KeepAlive((packed, weight, sent));
            return [toInput, toWeight];
        }
    }
}
