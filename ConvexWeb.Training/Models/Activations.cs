using static TorchSharp.torch;

namespace ConvexWeb.Training.Models;

/// <summary>The activations that are convex and non-decreasing, so that a constrained network may use any of them (science.md S1).</summary>
internal static class Activations
{
    public static nn.Module<Tensor, Tensor> Create(string name) => name switch
    {
        "relu" => nn.ReLU(),
        "elu" => nn.ELU(),
        "leaky_relu" => nn.LeakyReLU(),
        "softplus" => nn.Softplus(),
        "identity" => nn.Identity(),
        _ => throw new NotSupportedException($"{name} is no activation."),
    };
}
