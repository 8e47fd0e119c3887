using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>The numbers of a network's weight tensors as they act (science.md M).</summary>
public static class LayerStatistics
{
    /// <param name="initial">The weights that the network started from, by name, as stored.</param>
    public static IReadOnlyList<LayerSummary> Of(PlanNetwork network, Constraint constraint, IReadOnlyDictionary<string, Tensor> initial)
    {
        var all = new List<LayerSummary>();
        for (var i = 0; i < network.Plan.Steps.Count; i++)
        {
            var tensors = network.Plan.Steps[i].Tensors;
            for (var t = 0; t < tensors.Count; t++)
            {
                if (tensors[t].Role is not (TensorRole.Weight or TensorRole.Coefficient)) continue;
                using var scope = NewDisposeScope();
                var spectral = tensors[t].Role == TensorRole.Weight ? SpectralNorm.Of(network, i) : null;
                using var quiet = no_grad();
                all.Add(Of(tensors[t], network.TensorsOf(i)[t].to(ScalarType.Float64), constraint, initial, spectral));
            }
        }
        return all;
    }

    private static LayerSummary Of(
        PlannedTensor planned, Tensor weight, Constraint constraint, IReadOnlyDictionary<string, Tensor> initial, SpectralNorm? spectral)
    {
        var start = initial[planned.Name].to(weight.device);
        if (planned.Covered) start = constraint.Effective(start);
        return new LayerSummary
        {
            Name = planned.Name,
            Count = weight.numel(),
            NonZeros = weight.ne(0).sum().item<long>(),
            L1 = weight.abs().sum().item<double>(),
            Frobenius = Math.Sqrt(weight.square().sum().item<double>()),
            Spectral = spectral?.Value,
            IsSpectralApproximate = spectral is { IsConverged: false },
            Min = weight.min().item<double>(),
            Max = weight.max().item<double>(),
            SpikeShare = planned.Covered ? ShareInSpike(weight, constraint) : null,
            FromInit = Math.Sqrt((weight - start.to(ScalarType.Float64)).square().sum().item<double>()),
        };
    }

    private static double? ShareInSpike(Tensor weight, Constraint constraint)
    {
        if (constraint.Kind != ConstraintKind.ExpEps) return null;
        var top = Math.Exp(-constraint.Eps);
        return (double)(weight.gt(0.98 * top).sum().item<long>() - weight.gt((float)top).sum().item<long>()) / weight.numel();
    }
}
