namespace ConvexWeb.Training.Models;

/// <summary>
/// The numbers in which a training step multiplies. Weights, optimizer, normalisation statistics and every evaluation stay in float32.
/// </summary>
public enum Precision
{
    /// <summary>IEEE single precision: 24 bits of significand.</summary>
    Float32,

    /// <summary>bfloat16: the range of float32 with 8 bits of significand; products and convolutions only, summed in float32.</summary>
    Bf16,
}
