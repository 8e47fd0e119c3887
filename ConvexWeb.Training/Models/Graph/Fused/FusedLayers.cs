using ConvexWeb.Training.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>What the layers over kernels have in common: where they run.</summary>
internal static class FusedLayers
{
    /// <summary>Kernels take float32 and float64 on the CPU.</summary>
    public static bool Fits(KernelKind kernel, Tensor x)
        => x.device_type == DeviceType.CPU && x.dtype is ScalarType.Float32 or ScalarType.Float64 && KernelSwitch.Has(kernel);
}
