namespace ConvexWeb.Tests.Training;

/// <summary>
/// Tests that run libtorch in this process: one at a time, since thread count, random generator and live-tensor count belong
/// to the process. <c>./convexweb test</c> gives them a process of their own beside the others, which leave cores idle.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
[Trait("process", "torch")]
public sealed class TorchCollection
{
    public const string Name = "torch";
}
