using ConvexWeb.Training.Convexity;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>What is to be seen of a constraint in the weights themselves.</summary>
internal static class ConstraintMetrics
{
    /// <summary>Adds the smallest constrained weight (never below 0) and the share of constrained weights in the spike just under e^−eps.</summary>
    public static void Add(Dictionary<string, double> values, nn.Module network, Constraint constraint)
    {
        if (constraint.Kind == ConstraintKind.Free) return;
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var smallest = double.PositiveInfinity;
        long all = 0, spike = 0;
        var top = Math.Exp(-constraint.Eps);
        foreach (var (name, parameter) in network.named_parameters())
        {
            if (!constraint.Covered.Contains(name)) continue;
            smallest = Math.Min(smallest, parameter.min().to(ScalarType.Float64).item<double>());
            all += parameter.numel();
            // A difference of two counts: (0.98·e^−eps, e^−eps].
            if (constraint.Kind == ConstraintKind.ExpEps)
                spike += parameter.gt(0.98 * top).sum().item<long>() - parameter.gt((float)top).sum().item<long>();
        }
        values["constraint/min_weight"] = smallest;
        if (constraint.Kind == ConstraintKind.ExpEps) values["constraint/spike_share"] = (double)spike / all;
    }
}
