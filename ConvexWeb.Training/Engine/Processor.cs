using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>What a training process asks of its machine.</summary>
internal static class Processor
{
    /// <summary>
    /// Before the first tensor: the number of threads of each operation,
    /// freed memory stays with the process, and the faster library multiplies.
    /// </summary>
    /// <param name="cache">Folder that keeps what is measured once for each kind of processor; null measures each time.</param>
    /// <returns>What was found, for the log.</returns>
    public static string Use(int threads, string? cache)
    {
        ProcessMemory.Keep();
        SetThreads(threads);
        return MatrixProducts.Choose(cache, TimeProvider.System);
    }

    /// <summary>Threads of each operation; at least one.</summary>
    public static void SetThreads(int threads)
    {
#pragma warning disable RS0030 // Checked here.
        set_num_threads(Math.Max(1, threads));
#pragma warning restore RS0030
    }
}
