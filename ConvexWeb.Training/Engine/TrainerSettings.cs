using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>What a training is given besides its spec.</summary>
/// <param name="Folder">Where checkpoints go; null keeps nothing.</param>
public sealed record TrainerSettings(ulong Seed, Device Device, string? Folder, bool Resume, TimeProvider Clock)
{
    /// <summary>Least time between two checkpoints of the last state; the end and a stop always write one.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Checks after every step that no constrained weight is negative, and fails if one is.</summary>
    public bool VerifyConstraint { get; init; }

    /// <summary>False trains with plain tensor operations instead of the fused kernels.</summary>
    public bool Fused { get; init; } = true;
}
