using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>
/// activation(batch_norm(x)) with the batch's statistics, which move the running ones.
/// See <see cref="NormActivationKernel"/>.
/// </summary>
internal static class FusedNorm
{
    // Of a matrix; with fewer rows libtorch is as fast.
    private const long FewestRows = 1024;

    /// <param name="x">[B, S, C] or [B, C, H, W]; also [B, C] with many rows.</param>
    /// <param name="w">Scale and shift, [C] each.</param>
    /// <param name="running">Running mean, variance [C] and count of batches; all three are updated.</param>
    /// <returns>Null where the kernel does not fit: another device,
    /// type or memory layout, a small matrix, or one value a channel.</returns>
    public static Tensor? Apply(BatchNormOperation norm, ActivationFunction function, Tensor x, Tensor[] w, Tensor[] running)
    {
        if (FusedActivations.Of(function) is not { } activation || !FusedLayers.Fits(KernelKind.Norm, x) || LayoutOf(x) is not { } layout)
            return null;
        if (running[2].dtype != ScalarType.Int64 || running[2].numel() != 1) return null;
        var (rows, channels, places) = layout.Size;
        if (rows * places < 2) return null;
        if (!Array.TrueForAll([w[0], w[1], running[0], running[1]], tensor => IsVector(tensor, channels, x.dtype))) return null;
        var layer = new Layer(norm, activation, running, layout.Kind, rows, channels, places);
        if (is_grad_enabled()) return Function.apply(x, w[0], w[1], layer);
        var (output, saved) = Function.Compute(layer, x, w[0], w[1]);
        saved.Dispose();
        return output;
    }

    // A vector of the channels as the kernel reads and writes it.
    private static bool IsVector(Tensor tensor, long count, ScalarType type)
        => tensor.numel() == count && tensor.dtype == type && tensor.is_contiguous() && tensor.device_type == TorchSharp.DeviceType.CPU;

    private static (NormLayout Kind, (long Rows, long Channels, long Places) Size)? LayoutOf(Tensor x)
    {
        var shape = x.shape;
        if (x.is_contiguous())
        {
            return shape.Length switch
            {
                2 when shape[0] >= FewestRows => (NormLayout.Pixels, (shape[0], shape[1], 1)),
                3 => (NormLayout.Pixels, (shape[0] * shape[1], shape[2], 1)),
                4 => (NormLayout.Planes, (shape[0], shape[1], shape[2] * shape[3])),
                _ => null,
            };
        }
        return MemoryLayout.HasChannelsLast(x) ? (NormLayout.Pixels, (shape[0] * shape[2] * shape[3], shape[1], 1)) : null;
    }

    private sealed record Layer(
        BatchNormOperation Norm, FusedActivation Activation, Tensor[] Running, NormLayout Layout, long Rows, long Channels, long Places);

    private sealed class Function : FusedFunction<Function, Layer>
    {
        protected override (Tensor, List<Tensor>) Forward(Layer layer, Tensor[] inputs)
        {
            var (output, statistics) = Compute(layer, inputs[0], inputs[1], inputs[2]);
            return (output, [inputs[0], output, inputs[1], statistics]);
        }

        /// <returns>The result, and [2, C] float64: mean and 1/deviation of the batch.</returns>
        public static unsafe (Tensor Output, Tensor Statistics) Compute(Layer layer, Tensor x, Tensor gamma, Tensor beta)
        {
            var output = MemoryLayout.EmptyLike(x);
            var statistics = empty([2, layer.Channels], ScalarType.Float64);
            if (x.dtype == ScalarType.Float32) Run<float>(layer, x, gamma, beta, output, statistics);
            else Run<double>(layer, x, gamma, beta, output, statistics);
            return (output, statistics);
        }

        private static unsafe void Run<T>(Layer layer, Tensor x, Tensor gamma, Tensor beta, Tensor output, Tensor statistics)
            where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
        {
            var batch = BatchOf<T>(layer, x, output, gamma, statistics);
            batch.Beta = (T*)LibtorchNative.Data(beta);
            switch (layer.Activation)
            {
                case FusedActivation.Relu: NormActivationKernel.Forward<T, Relu>(batch); break;
                case FusedActivation.Elu: NormActivationKernel.Forward<T, Elu>(batch); break;
                default: NormActivationKernel.Forward<T, Identity>(batch); break;
            }
            NormActivationKernel.MoveRunning(batch, layer.Norm.Momentum, (T*)LibtorchNative.Data(layer.Running[0]),
                (T*)LibtorchNative.Data(layer.Running[1]));
            ++*(long*)LibtorchNative.Data(layer.Running[2]);
            GC.KeepAlive((x, gamma, beta, output, statistics, layer));
        }

        private static unsafe NormBatch<T> BatchOf<T>(Layer layer, Tensor x, Tensor output, Tensor gamma, Tensor statistics)
            where T : unmanaged
        {
            var mean = (double*)LibtorchNative.Data(statistics);
            return new()
            {
                Layout = layer.Layout, Rows = layer.Rows, Channels = layer.Channels, Places = layer.Places, Eps = layer.Norm.Eps,
                Input = (T*)LibtorchNative.Data(x), Output = (T*)LibtorchNative.Data(output), Gamma = (T*)LibtorchNative.Data(gamma),
                Mean = mean, Inverse = mean + layer.Channels,
            };
        }

        protected override List<Tensor> Backward(Layer layer, Tensor gradient, List<Tensor> saved)
            => saved[0].dtype == ScalarType.Float32 ? Backward<float>(layer, gradient, saved) : Backward<double>(layer, gradient, saved);

        private static unsafe List<Tensor> Backward<T>(Layer layer, Tensor gradient, List<Tensor> saved)
            where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
        {
            var (x, output, gamma, statistics) = (saved[0], saved[1], saved[2], saved[3]);
            var g = MemoryLayout.WithStrides(gradient, x.stride());
            Tensor toX = MemoryLayout.EmptyLike(x), toGamma = empty([layer.Channels], x.dtype), toBeta = empty([layer.Channels], x.dtype);
            var batch = BatchOf<T>(layer, x, output, gamma, statistics);
            batch.Gradient = (T*)LibtorchNative.Data(g);
            batch.ToInput = (T*)LibtorchNative.Data(toX);
            batch.ToGamma = (T*)LibtorchNative.Data(toGamma);
            batch.ToBeta = (T*)LibtorchNative.Data(toBeta);
            switch (layer.Activation)
            {
                case FusedActivation.Relu: NormActivationKernel.Backward<T, Relu>(batch); break;
                case FusedActivation.Elu: NormActivationKernel.Backward<T, Elu>(batch); break;
                default: NormActivationKernel.Backward<T, Identity>(batch); break;
            }
            GC.KeepAlive((saved, g, toX, toGamma, toBeta));
            return [toX, toGamma, toBeta];
        }
    }
}
