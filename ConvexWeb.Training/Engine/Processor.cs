#if !TORCHSHARP
using ConvexWeb.Training.Native;
#endif
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The seam to what a training process asks of its machine. With the real TorchSharp, memory is kept by the environment's MALLOC_ variables or not at all.</summary>
internal static class Processor
{
    /// <summary>Before the first tensor: so many threads for each operation, and freed memory stays with the process, which asks for the same again in the next step.</summary>
    public static void Use(int threads)
    {
        set_num_threads(Math.Max(1, threads));
#if !TORCHSHARP
        NativeMethods.Check(NativeMethods.cw_keep_memory());
#endif
    }
}
