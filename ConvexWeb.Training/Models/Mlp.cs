using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Datasets;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models;

/// <summary>
/// MLP and IOC-MLP. Source: Sivaprasad et al., The Curious Case of Convex Neural Networks, arXiv 2006.05103, s4; seed 000 4.1.1.
/// [B, C, H, W] → [B, d] → 3 × (Linear → BatchNorm → activation: [B, 800]) → Linear: [B, K].
/// Exact counts (3 × 800, biases and BatchNorm included): MNIST 1,922,410; CIFAR-10 3,752,810; CIFAR-100 3,824,900.
/// </summary>
public sealed class Mlp : nn.Module<Tensor, Tensor>
{
    private readonly List<nn.Module<Tensor, Tensor>> steps = [];

    public Mlp(MlpOptions options, ConvexityOptions convexity, DatasetInfo data) : base(nameof(Mlp))
    {
        var affine = MlpShape.Affine(options, data);
        for (var i = 0; i < affine.Count; i++)
        {
            Add($"fc{i + 1}", nn.Linear(affine[i].In, affine[i].Out));
            if (i == affine.Count - 1) break;
            if (options.BatchNorm) Add($"bn{i + 1}", nn.BatchNorm1d(affine[i].Out));
            steps.Add(Activations.Create(MlpShape.Activation(options, convexity)));
            if (options.Dropout > 0) Add($"drop{i + 1}", nn.Dropout(options.Dropout));
        }
    }

    private void Add(string name, nn.Module<Tensor, Tensor> module)
    {
        register_module(name, module);
        steps.Add(module);
    }

    /// <summary>Images [B, C, H, W] or rows [B, d] → logits [B, K].</summary>
    public override Tensor forward(Tensor input)
    {
        var x = input.flatten(1);
        foreach (var step in steps) x = step.forward(x);
        return x;
    }
}
