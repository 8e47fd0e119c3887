using ConvexWeb.Training.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Data;

/// <summary>Takes a batch out of uint8 images and normalises it: one pass on the CPU, plain tensor operations elsewhere.</summary>
internal static class Gather
{
    /// <summary>
    /// images uint8 [N, C, H, W], index int64 [B], scale and shift float32 [C]
    /// → images[index]·scale + shift, float32 [B, C, H, W].
    /// </summary>
    public static Tensor Normalized(Tensor images, Tensor index, Tensor scale, Tensor shift)
    {
        if (images.device_type != DeviceType.CPU || !KernelSwitch.Has(KernelKind.Gather)
            || !images.is_contiguous() || !index.is_contiguous())
            return Plain(images, index, scale, shift);
        var shape = images.shape;
        var (count, channels) = (shape[0], shape[1]);
        var fits = images.dtype == ScalarType.Byte && index.dtype == ScalarType.Int64
            && scale.dtype == ScalarType.Float32 && shift.dtype == ScalarType.Float32
            && scale.numel() == channels && shift.numel() == channels && scale.is_contiguous() && shift.is_contiguous()
            && Array.TrueForAll([index, scale, shift], tensor => tensor.device_type == DeviceType.CPU);
        if (!fits)
        {
            throw new ArgumentException(
                "images must be uint8 [N, C, …], index int64 [B], scale and shift float32 [C], dense and on the CPU.");
        }
        shape[0] = index.numel();
        var batch = empty(shape, ScalarType.Float32);
        Run(images, index, scale, shift, batch, count, channels, images.numel() / Math.Max(1, count * channels));
        return batch;
    }

    private static unsafe void Run(
        Tensor images, Tensor index, Tensor scale, Tensor shift, Tensor batch, long count, long channels, long plane)
    {
        var rows = new ReadOnlySpan<long>(LibtorchNative.Data(index), checked((int)index.numel()));
        foreach (var row in rows)
            if (row < 0 || row >= count)
                throw new ArgumentOutOfRangeException(nameof(index), row, $"An index must be from 0 to {count - 1}.");
        GatherKernel.Normalize(
            (byte*)LibtorchNative.Data(images), (long*)LibtorchNative.Data(index), rows.Length,
            (float*)LibtorchNative.Data(scale), (float*)LibtorchNative.Data(shift), (float*)LibtorchNative.Data(batch), channels, plane);
        GC.KeepAlive((images, index, scale, shift));
    }

    internal static Tensor Plain(Tensor images, Tensor index, Tensor scale, Tensor shift)
        => images.index_select(0, index).to(ScalarType.Float32) * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1);
}
