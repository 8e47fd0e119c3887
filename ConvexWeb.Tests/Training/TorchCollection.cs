namespace ConvexWeb.Tests.Training;

/// <summary>
/// Tests that run libtorch in this process: one at a time, since thread count, random generator and live-tensor count belong
/// to the process.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TorchCollection
{
    public const string Name = "torch";
}
