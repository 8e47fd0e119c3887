namespace ConvexWeb.Training.Models.Graph;

/// <summary>How a network's operations are computed.</summary>
/// <param name="Training">Batch statistics and dropout; false is eval mode.</param>
/// <param name="Fused">Whether layers over kernels may do what they do faster; false is plain operators only.</param>
/// <param name="Precision">The numbers in which products and convolutions are computed.</param>
internal readonly record struct ExecutionMode(bool Training, bool Fused = true, Precision Precision = Precision.Float32);
