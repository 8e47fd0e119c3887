using System.CommandLine;

namespace ConvexWeb.Training.Cli;

/// <summary><c>bench steps|epoch</c>: times the engine; <c>./convexweb bench train</c> runs it in turn with PyTorch.</summary>
internal static class BenchCommand
{
    public static Command Create() => new("bench", "Times the training engine; one JSON line of milliseconds per measurement.") { StepBench.Create(), EpochBench.Create() };
}
