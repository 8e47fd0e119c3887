using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>What a training process asks of its machine.</summary>
internal static class Processor
{
    /// <summary>Before the first tensor: the number of threads of each operation, and freed memory stays with the process.</summary>
    public static void Use(int threads)
    {
        ProcessMemory.Keep();
        set_num_threads(Math.Max(1, threads));
    }
}
