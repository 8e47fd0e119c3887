namespace ConvexWeb.Training.Models;

/// <summary>Whether a network follows the source's code, which is not convex under a constraint, or is.</summary>
public enum Fidelity
{
    /// <summary>As the source's code has it: LayerNorm, its gates and its list of unconstrained tensors.</summary>
    Seed,

    /// <summary>Convex under a constraint: BatchNorm, learned coefficients, and only affine layers free.</summary>
    Strict,
}
