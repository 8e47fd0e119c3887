using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The angles of annealed activations, in radians.</summary>
internal static class AngleMetrics
{
    /// <summary>
    /// Adds theta, the mean over all angles; where they are trained in several places, theta/NAME is the mean of each, and where each unit
    /// has its own, theta_min and theta_max say how far they have come apart.
    /// </summary>
    public static void Add(Dictionary<string, double> values, PlanNetwork network)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var angles = network.Angles().Select(a => (a.Name, Value: a.Value.to(ScalarType.Float64).flatten())).ToList();
        if (angles.Count == 0) return;
        var all = cat([.. angles.Select(a => a.Value)]);
        values["theta"] = all.mean().item<double>();
        if (angles.Count > 1)
            foreach (var (name, value) in angles) values[$"theta/{name}"] = value.mean().item<double>();
        if (all.numel() == 1) return;
        values["theta_min"] = all.min().item<double>();
        values["theta_max"] = all.max().item<double>();
    }
}
