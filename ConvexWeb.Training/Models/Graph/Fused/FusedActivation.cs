namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>The activations that kernels apply in their own pass.</summary>
internal enum FusedActivation
{
    Identity,
    Relu,
    Elu,
}

internal static class FusedActivations
{
    /// <summary>Null where kernels do not have the function.</summary>
    public static FusedActivation? Of(ActivationFunction function) => function switch
    {
        ActivationFunction.Identity => FusedActivation.Identity,
        ActivationFunction.Relu => FusedActivation.Relu,
        ActivationFunction.Elu => FusedActivation.Elu,
        _ => null,
    };
}
