using System.Runtime.InteropServices;
using ConvexWeb.Training.Events;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// What an exception says of the cause of a failure. This is the only place that knows the texts of libtorch's allocators: TorchSharp gives
/// every error of it as the same type.
/// </summary>
public static class Failure
{
    // errno(3): no space left on the device, and the quota is used up. .NET gives them on as the HResult.
    private const int NoSpace = 28, QuotaUsed = 122;

    private static readonly string[] OfAllocators =
    [
        "DefaultCPUAllocator: can't allocate memory", // c10/core/impl/alloc_cpu.cpp
        "DefaultCPUAllocator: not enough memory",
        "CUDA out of memory", // c10/cuda/CUDACachingAllocator.cpp
        "CUDA error: out of memory", // cudaErrorMemoryAllocation, of a call outside the allocator
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CUDNN_STATUS_ALLOC_FAILED",
        "std::bad_alloc",
    ];

    public static FailureCause? CauseOf(Exception problem) => problem switch
    {
        DivergedException => FailureCause.NotFinite,
        OutOfMemoryException => FailureCause.OutOfMemory,
        ExternalException native when OfAllocators.Any(text => native.Message.Contains(text, StringComparison.Ordinal)) =>
            FailureCause.OutOfMemory,
        IOException { HResult: NoSpace or QuotaUsed } => FailureCause.DiskFull,
        { InnerException: { } inner } => CauseOf(inner),
        _ => null,
    };

    /// <summary>One sentence or two for people.</summary>
    public static string Sentence(Exception problem) => CauseOf(problem) switch
    {
        // Behind its first line, libtorch's message has the native stack.
        FailureCause.OutOfMemory =>
            $"Memory ran out: {problem.Message.Split('\n')[0]} A smaller model or a smaller training.batch_size needs less.",
        FailureCause.DiskFull => $"The disk is full: {problem.Message}",
        _ => problem.Message,
    };
}
