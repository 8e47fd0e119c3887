using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// While it is open, libtorch computes products and convolutions of this thread in bfloat16 (PyTorch's autocast): their operands are
/// converted, each weight once, and what numerically needs float32 gets it. The backward pass follows the types of the forward pass and
/// needs no open region.
/// </summary>
internal sealed unsafe class Autocast : IDisposable
{
    private readonly DeviceType device;

    public Autocast(DeviceType device)
    {
        this.device = device;
        LibtorchNative.SetAutocastType((sbyte)device, (sbyte)ScalarType.BFloat16);
        LibtorchNative.SetAutocast((sbyte)device, 1);
    }

    /// <summary>
    /// Why a device cannot multiply in bfloat16, in words; null where it can. A processor without it would take many times as long.
    /// </summary>
    public static string? Missing(DeviceType device)
    {
        if (!LibtorchNative.HasAutocast) return "this libtorch has no autocast";
        return device == DeviceType.CPU && !ProcessorHasBf16 ? "this processor has neither AVX512_BF16 nor AMX_BF16" : null;
    }

    public void Dispose()
    {
        LibtorchNative.SetAutocast((sbyte)device, 0);
        // The converted weights are those of before the step.
        LibtorchNative.ClearAutocast();
    }

    // Leaf 7 of cpuid: AVX512_BF16 is bit 5 of EAX in subleaf 1, AMX_BF16 bit 22 of EDX in subleaf 0.
    private static bool ProcessorHasBf16
        => X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7
            && ((X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0 || (X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0);
}
