using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>Of each weight tensor as it acts: exact non-zeros, Frobenius norm and the way from the start (science.md M, S12.6).</summary>
internal static class LayerMetrics
{
    public static void Add(
        Dictionary<string, double> values, PlanNetwork network, Constraint constraint, IReadOnlyDictionary<string, Tensor> initial)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        if (FirstLayer.Of(network) is var (_, _, filters) && Metrics.Locality.Mean(filters) is { } locality) values["locality"] = locality;
        for (var i = 0; i < network.Plan.Steps.Count; i++)
        {
            var (planned, tensors) = (network.Plan.Steps[i].Tensors, network.TensorsOf(i));
            for (var t = 0; t < tensors.Count; t++)
            {
                if (planned[t].Role != TensorRole.Weight) continue;
                var (name, weight, start) = (planned[t].Name, tensors[t], initial[planned[t].Name].to(tensors[t].device));
                if (planned[t].Covered) start = constraint.Effective(start);
                values[$"nonzeros/{name}"] = weight.ne(0).sum().item<long>();
                values[$"norm/{name}"] = weight.norm().item<float>();
                values[$"from_init/{name}"] = (weight - start).norm().item<float>();
            }
        }
    }
}
