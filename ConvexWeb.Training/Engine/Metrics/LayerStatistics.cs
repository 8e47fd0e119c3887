using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>The numbers of one weight tensor as it acts (science.md M).</summary>
/// <param name="NonZeros">Density is this over <paramref name="Count"/>.</param>
/// <param name="Spectral">Largest singular value of the layer as a map on its own inputs, zero padding included; null for what is no linear map.</param>
/// <param name="SpikeShare">Share in (0.98·e^−eps, e^−eps]; null without exp_eps.</param>
/// <param name="FromInit">Frobenius distance from the initial weights.</param>
public sealed record LayerStatistics(
    string Name, long Count, long NonZeros, double L1, double Frobenius, double? Spectral, double Min, double Max, double? SpikeShare, double FromInit)
{
    private const int PowerIterations = 30;

    /// <param name="initial">The weights that the network started from, by name, as stored.</param>
    public static IReadOnlyList<LayerStatistics> Of(PlanNetwork network, Constraint constraint, IReadOnlyDictionary<string, Tensor> initial)
    {
        var all = new List<LayerStatistics>();
        for (var i = 0; i < network.Plan.Steps.Count; i++)
        {
            var tensors = network.Plan.Steps[i].Tensors;
            for (var t = 0; t < tensors.Count; t++)
            {
                if (tensors[t].Role is not (TensorRole.Weight or TensorRole.Coefficient)) continue;
                using var scope = NewDisposeScope();
                var spectral = tensors[t].Role == TensorRole.Weight ? LargestSingularValue(network, i) : (double?)null;
                using var quiet = no_grad();
                all.Add(Of(tensors[t], network.TensorsOf(i)[t].to(ScalarType.Float64), constraint, initial, spectral));
            }
        }
        return all;
    }

    private static LayerStatistics Of(PlannedTensor planned, Tensor weight, Constraint constraint, IReadOnlyDictionary<string, Tensor> initial, double? spectral)
    {
        var start = initial[planned.Name].to(weight.device);
        if (planned.Covered) start = constraint.Effective(start);
        return new(planned.Name, weight.numel(), weight.ne(0).sum().item<long>(), weight.abs().sum().item<double>(), Math.Sqrt(weight.square().sum().item<double>()), spectral,
            weight.min().item<double>(), weight.max().item<double>(), planned.Covered ? ShareInSpike(weight, constraint) : null,
            Math.Sqrt((weight - start.to(ScalarType.Float64)).square().sum().item<double>()));
    }

    private static double? ShareInSpike(Tensor weight, Constraint constraint)
    {
        if (constraint.Kind != ConstraintKind.ExpEps) return null;
        var top = Math.Exp(-constraint.Eps);
        return (double)(weight.gt(0.98 * top).sum().item<long>() - weight.gt((float)top).sum().item<long>()) / weight.numel();
    }

    // Power iteration on AᵀA, which is the gradient of |Ax|²/2.
    private static double LargestSingularValue(PlanNetwork network, int step)
    {
        var x = randn([1, .. network.Plan.ValueAt(network.Plan.Steps[step].Operation.Inputs[0]).Shape]).to(network.TensorsOf(step)[0].device);
        var norm = 0.0;
        for (var i = 0; i < PowerIterations; i++)
        {
            using var scope = NewDisposeScope();
            var unit = (x / Math.Max(norm == 0 ? x.norm().item<float>() : norm, 1e-30)).detach().requires_grad_(true);
            network.LinearPart(step, unit).square().sum().mul(0.5).backward();
            x = unit.grad!.detach().MoveToOuterDisposeScope();
            norm = x.norm().item<float>();
        }
        network.zero_grad();
        // |AᵀA·v| is the square of the singular value at the fixed point.
        return Math.Sqrt(norm);
    }
}
