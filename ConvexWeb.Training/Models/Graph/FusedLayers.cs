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

    public static Tensor? Dropout(Tensor x, double p) => null;

    public static Tensor? TokenLinear(Tensor x, Tensor[] w) => null;

    public static Tensor? Conv3x3(Conv2dOperation convolution, string function, Tensor x, Tensor[] w) => null;
#else
    // Of a convolution: with fewer, Winograd's products are too thin to be faster.
    private const long FewestChannels = 16;

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
        if (!Fits(x)) return null;
        NativeMethods.Check(NativeMethods.cw_cycle_shift(x.Pointer, alongRow ? 1 : 0, out var y));
        GC.KeepAlive(x);
        return new Tensor(new TensorHandle(y));
    }

    /// <summary>Dropout on all threads: one key from the default generator, and masks that follow from it; null where no kernel fits.</summary>
    public static Tensor? Dropout(Tensor x, double p)
    {
        if (!Fits(x)) return null;
        NativeMethods.Check(NativeMethods.cw_dropout(x.Pointer, p, out var y));
        GC.KeepAlive(x);
        return new Tensor(new TensorHandle(y));
    }

    /// <summary>weight · x + bias for every sample, without a transposed copy; null where no kernel fits.</summary>
    /// <param name="x">[B, S, C].</param>
    /// <param name="w">Weight [T, S] and bias [T].</param>
    public static Tensor? TokenLinear(Tensor x, Tensor[] w)
    {
        if (!Fits(x) || w.Length < 2) return null;
        NativeMethods.Check(NativeMethods.cw_token_linear(x.Pointer, w[0].Pointer, w[1].Pointer, out var y));
        GC.KeepAlive((x, w));
        return y == 0 ? null : new Tensor(new TensorHandle(y));
    }

    /// <summary>activation(x ∗ weight + bias) by Winograd's filtering, where the channels of x lie last in memory; null where no kernel fits.</summary>
    /// <param name="x">[B, C, H, W].</param>
    public static Tensor? Conv3x3(Conv2dOperation convolution, string function, Tensor x, Tensor[] w)
    {
        var suits = convolution is { Kernel: 3, Stride: 1, Padding: 1, Groups: 1, In: >= FewestChannels, Out: >= FewestChannels } && w.Length == 2;
        if (!suits || !Fits(x) || !Kinds.TryGetValue(function, out var kind)) return null;
        NativeMethods.Check(NativeMethods.cw_conv3x3(x.Pointer, w[0].Pointer, w[1].Pointer, kind, out var y));
        GC.KeepAlive((x, w));
        return y == 0 ? null : new Tensor(new TensorHandle(y));
    }

    private static bool Fits(Tensor x) => x.device_type == DeviceType.CPU && x.dtype is ScalarType.Float32 or ScalarType.Float64;
#endif
}
