namespace ConvexWeb.Training.Models;

/// <summary>A model's activation as a spec names it.</summary>
public enum ActivationChoice
{
    /// <summary>ELU under a constraint, the source's own without.</summary>
    Auto,
    Relu,
    Elu,
    LeakyRelu,
    Softplus,
    Identity,
    Gelu,
    Silu,
}
