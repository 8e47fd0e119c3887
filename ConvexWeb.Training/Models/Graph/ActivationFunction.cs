namespace ConvexWeb.Training.Models.Graph;

/// <summary>An activation, element by element; the parameters are PyTorch's defaults.</summary>
public enum ActivationFunction
{
    Relu,
    Elu,
    LeakyRelu,
    Softplus,
    Identity,
    Gelu,
    Silu,
    Sigmoid,
}
