#if !TORCHSHARP
using ConvexWeb.Training.Native;
using TorchSharp;
#endif
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>The seam to native layers that do in one pass what PyTorch does in several. With the real TorchSharp there are none, and plain operators run.</summary>
internal static class FusedLayers
{
#if TORCHSHARP
    public static Tensor? BatchNormActivation(BatchNormOperation norm, string function, Tensor x, Tensor[] w, Tensor[] running) => null;

    public static Tensor? CycleShift(Tensor x, bool alongRow) => null;
#else
    private static readonly Dictionary<string, long> Kinds = new() { ["identity"] = 0, ["relu"] = 1, ["elu"] = 2 };

    /// <summary>activation(batch_norm(x)) with the batch's statistics, which move the running ones; null where no kernel fits.</summary>
    /// <param name="x">[B, C] or [B, C, H, W].</param>
    public static Tensor? BatchNormActivation(BatchNormOperation norm, string function, Tensor x, Tensor[] w, Tensor[] running)
    {
        if (x.device_type != DeviceType.CPU || x.ndim == 3 || x.numel() / x.shape[1] < 2 || !Kinds.TryGetValue(function, out var kind) || !x.is_contiguous()) return null;
        NativeMethods.Check(NativeMethods.cw_batch_norm_act(x.Pointer, w[0].Pointer, w[1].Pointer, running[0].Pointer, running[1].Pointer, norm.Momentum, norm.Eps, kind, out var y));
        GC.KeepAlive((x, w, running));
        return new Tensor(new TensorHandle(y));
    }

    /// <summary>See <see cref="CycleShiftOperation"/>; null where no kernel fits.</summary>
    public static Tensor? CycleShift(Tensor x, bool alongRow)
    {
        if (x.device_type != DeviceType.CPU || x.dtype is not (ScalarType.Float32 or ScalarType.Float64)) return null;
        NativeMethods.Check(NativeMethods.cw_cycle_shift(x.Pointer, alongRow ? 1 : 0, out var y));
        GC.KeepAlive(x);
        return new Tensor(new TensorHandle(y));
    }
#endif
}
