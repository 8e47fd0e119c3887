using System.CommandLine;

namespace ConvexWeb.Training.Cli;

/// <summary>
/// <c>bench steps|epoch|kernels|overhead|decode</c>: times the engine;
/// <c>./convexweb bench train</c> runs the first two in turn with their peers.
/// </summary>
internal static class BenchCommand
{
    public static Command Create() => new("bench",
        "Times the training engine: milliseconds per step, seconds per epoch, what each kernel gains, or images decoded per second.")
    {
        StepBench.Create(), EpochBench.Create(), KernelBench.Create(), OverheadBench.Create(), DecodeBench.Create(),
    };
}
