using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

internal static class LiveTensors
{
    /// <summary>How many there are when those are gone that other tests have left to the collector.</summary>
    public static long Count()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return Tensor.TotalCount;
    }
}
