namespace ConvexWeb.Training.Kernels;

/// <summary>The kernels by name, for switching one off.</summary>
[Flags]
internal enum KernelKind
{
    None = 0,

    /// <summary>Optimizer and constraint in one pass.</summary>
    Step = 1,

    /// <summary>Batch normalisation with its activation.</summary>
    Norm = 2,

    /// <summary>Gather and normalisation of uint8 images.</summary>
    Gather = 4,

    /// <summary>Dropout from one key.</summary>
    Dropout = 8,

    /// <summary>CycleMLP's channel shift.</summary>
    Shift = 16,

    /// <summary>3 × 3 convolutions by Winograd's filtering.</summary>
    Convolution = 32,

    /// <summary>Locally connected layers.</summary>
    Local = 64,

    /// <summary>Convolutions of few channels with the pool behind them.</summary>
    SmallConvolution = 128,

    All = Step | Norm | Gather | Dropout | Shift | Convolution | Local | SmallConvolution,
}

/// <summary>
/// Which kernels may run. All do, but for tests and <c>bench kernels</c>,
/// which compare a kernel with plain operators in the same process.
/// </summary>
internal static class KernelSwitch
{
    public static KernelKind On { get; set; } = KernelKind.All;

    /// <summary>Whether a kernel may run, and whether it can: all need libtorch's threads.</summary>
    public static bool Has(KernelKind kernel) => (On & kernel) != 0 && LibtorchNative.HasTeam;
}
