using ConvexWeb.Training.Convexity;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>What is to be seen of a constraint in the weights themselves.</summary>
internal static class ConstraintMetrics
{
    /// <summary>
    /// Adds the smallest constrained weight (never below 0), and the share of constrained weights (BatchNorm scales left out) in the spike
    /// (0.98·e^−eps, e^−eps] (science.md S4.8).
    /// </summary>
    public static void Add(Dictionary<string, double> values, nn.Module network, Constraint constraint)
    {
        if (constraint.Kind == ConstraintKind.Free) return;
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        long all = 0, spike = 0;
        var top = Math.Exp(-constraint.Eps);
        foreach (var (name, parameter) in network.named_parameters())
        {
            if (!constraint.Covered.Contains(name) || parameter.ndim < 2 || constraint.Kind != ConstraintKind.ExpEps) continue;
            all += parameter.numel();
            // A difference of two counts.
            spike += parameter.gt(0.98 * top).sum().item<long>() - parameter.gt((float)top).sum().item<long>();
        }
        values["constraint/min_weight"] = Smallest(network, constraint);
        if (all > 0) values["constraint/spike_share"] = (double)spike / all;
    }

    /// <summary>
    /// Adds the Frobenius norm of all weights (two axes and more),
    /// and how far they have come from where they started; of weights as they act.
    /// </summary>
    public static void AddNorms(
        Dictionary<string, double> values, nn.Module network, Constraint constraint, IReadOnlyDictionary<string, Tensor> initial)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        double norm = 0, way = 0;
        foreach (var (name, parameter) in network.named_parameters())
        {
            if (parameter.ndim < 2) continue;
            var (now, start) = constraint.Covered.Contains(name)
                ? (constraint.Effective(parameter), constraint.Effective(initial[name]))
                : (parameter, initial[name]);
            norm += now.square().sum().to(ScalarType.Float64).item<double>();
            way += (now - start).square().sum().to(ScalarType.Float64).item<double>();
        }
        values["weights/l2"] = Math.Sqrt(norm);
        values["weights/from_init"] = Math.Sqrt(way);
    }

    /// <summary>The smallest weight that the constraint covers.</summary>
    public static double Smallest(nn.Module network, Constraint constraint)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        return network.named_parameters().Where(p => constraint.Covered.Contains(p.name))
            .Min(p => constraint.Effective(p.parameter.min()).to(ScalarType.Float64).item<double>());
    }
}
