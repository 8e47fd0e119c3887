namespace ConvexWeb.Training.Kernels;

/// <summary>How this process treats the memory that its tensors free.</summary>
internal static class ProcessMemory
{
    // Options of mallopt(3).
    private const int TrimThreshold = -1, TopPad = -2, MapThreshold = -3;

    /// <summary>
    /// Keeps freed memory in the process: every step asks for the same sizes again, and large blocks would otherwise go back to the system
    /// and come again as pages to be cleared (a small convolutional network: 46,811 page faults a step become 3).
    /// To be called before the first tensor.
    /// </summary>
    public static void Keep()
    {
        if (!OperatingSystem.IsLinux()) return;
        _ = LibtorchNative.SetMallocOption(MapThreshold, 1 << 30);
        _ = LibtorchNative.SetMallocOption(TrimThreshold, -1);
        _ = LibtorchNative.SetMallocOption(TopPad, 64 << 20);
    }
}
