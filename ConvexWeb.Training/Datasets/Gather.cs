#if !TORCHSHARP
using ConvexWeb.Training.Native;
using TorchSharp;
#endif
using static TorchSharp.torch;

namespace ConvexWeb.Training.Datasets;

/// <summary>Takes a batch out of uint8 images and normalises it: one native pass on the CPU, plain tensor operations elsewhere.</summary>
internal static class Gather
{
    /// <summary>images uint8 [N, C, H, W], index int64 [B], scale and shift float32 [C] → images[index]·scale + shift, float32 [B, C, H, W].</summary>
    public static Tensor Normalized(Tensor images, Tensor index, Tensor scale, Tensor shift)
    {
#if !TORCHSHARP
        if (images.device_type == DeviceType.CPU)
        {
            var shape = images.shape;
            shape[0] = index.shape[0];
            var batch = empty(shape, ScalarType.Float32);
            NativeMethods.Check(NativeMethods.cw_gather_normalize(images.Pointer, index.Pointer, scale.Pointer, shift.Pointer, batch.Pointer));
            GC.KeepAlive((images, index, scale, shift));
            return batch;
        }
#endif
        return Plain(images, index, scale, shift);
    }

    internal static Tensor Plain(Tensor images, Tensor index, Tensor scale, Tensor shift)
        => images.index_select(0, index).to(ScalarType.Float32) * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1);
}
