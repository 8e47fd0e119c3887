using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Regularization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The penalty of a spec on the weights of a network as they act: l1·Σ|w| + l2·Σw².</summary>
internal sealed class Penalty(RegularizationOptions options, PlanNetwork network, Constraint constraint)
{
    private readonly IReadOnlyList<(string Name, Parameter Stored)> parameters = [.. Of(options.On, network)];

    /// <summary>A scalar with its graph; null where nothing is penalised.</summary>
    public Tensor? Value()
    {
        if (!options.IsOn) return null;
        Tensor? sum = null;
        foreach (var (name, stored) in parameters)
        {
            var parameter = constraint.Covered.Contains(name) ? constraint.Effective(stored) : stored;
            if (options.L1 > 0) sum = Plus(sum, parameter.abs().sum() * options.L1);
            if (options.L2 > 0) sum = Plus(sum, parameter.square().sum() * options.L2);
        }
        return sum;
    }

    private static Tensor Plus(Tensor? sum, Tensor term) => sum is null ? term : sum + term;

    private static IEnumerable<(string Name, Parameter Stored)> Of(PenalisedTensors on, PlanNetwork network)
    {
        var all = network.named_parameters().ToList();
        if (on == PenalisedTensors.All) return all.Where(p => !Place(p).IsAngle);
        var weights = all.Where(p => Place(p).IsWeight);
        return on == PenalisedTensors.Hidden ? weights.SkipLast(1) : weights;

        static TrainedTensor Place((string name, Parameter parameter) p) => new(p.name, p.parameter.dim() > 1, IsFirst: false);
    }
}
