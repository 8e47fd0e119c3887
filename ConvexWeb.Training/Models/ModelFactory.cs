using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models;

/// <summary>Builds the network of a spec, on the CPU, with PyTorch's default initialisation from the current random generator.</summary>
public static class ModelFactory
{
    public static nn.Module<Tensor, Tensor> Build(Spec spec) => spec.Model switch
    {
        MlpOptions mlp => new Mlp(mlp, spec.Convexity, DatasetInfo.Of(spec.Data)),
        _ => throw new NotSupportedException(spec.Model.GetType().Name),
    };
}
