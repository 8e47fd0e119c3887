using ConvexWeb.Training.Convexity;

namespace ConvexWeb.Training.Models;

/// <summary>Whether a network follows the source's code, which is not convex under a constraint, or is.</summary>
public enum Fidelity
{
    /// <summary>The source's network without a constraint, the convex one with one.</summary>
    Auto,

    /// <summary>As the source's code has it: LayerNorm, its gates and its list of unconstrained tensors.</summary>
    Seed,

    /// <summary>Convex under a constraint: BatchNorm, learned coefficients, and only affine layers free.</summary>
    Strict,
}

/// <summary>Resolves <see cref="Fidelity.Auto"/>.</summary>
internal static class ModelMode
{
    public static Fidelity Of(Fidelity mode, ConvexityOptions convexity)
        => mode != Fidelity.Auto ? mode : convexity is NoConvexityOptions ? Fidelity.Seed : Fidelity.Strict;

    public static bool IsSeed(Fidelity mode, ConvexityOptions convexity) => Of(mode, convexity) == Fidelity.Seed;
}
