using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>CycleMLP's channel shift as one copy. See <see cref="CycleShiftOperation"/>.</summary>
internal static class FusedShift
{
    /// <param name="x">[B, C, H, W].</param>
    public static Tensor? Apply(Tensor x, bool alongRow)
    {
        if (!FusedLayers.Fits(KernelKind.Shift, x) || x.ndim != 4) return null;
        return is_grad_enabled() ? Function.apply(x, alongRow ? Layer.AlongRow : Layer.AlongColumn) : Function.Shifted(x, alongRow, 1);
    }

    private sealed record Layer(bool Row)
    {
        public static readonly Layer AlongRow = new(true), AlongColumn = new(false);
    }

    private sealed class Function : FusedFunction<Function, Layer>
    {
        protected override (Tensor, List<Tensor>) Forward(Layer layer, Tensor[] inputs) => (Shifted(inputs[0], layer.Row, 1), []);

        protected override List<Tensor> Backward(Layer layer, Tensor gradient, List<Tensor> saved) => [Shifted(gradient, layer.Row, -1)];

        public static unsafe Tensor Shifted(Tensor given, bool alongRow, int direction)
        {
            var pixels = !given.is_contiguous() && MemoryLayout.HasChannelsLast(given);
            var x = pixels ? given : given.contiguous();
            var y = MemoryLayout.EmptyLike(x);
            var s = x.shape;
            if (x.dtype == ScalarType.Float32)
                CycleShiftKernel.Apply((float*)LibtorchNative.Data(x), (float*)LibtorchNative.Data(y), s[0], s[1], s[2], s[3], pixels,
                    alongRow, direction);
            else
                CycleShiftKernel.Apply((double*)LibtorchNative.Data(x), (double*)LibtorchNative.Data(y), s[0], s[1], s[2], s[3], pixels,
                    alongRow, direction);
            GC.KeepAlive(x);
            return y;
        }
    }
}
