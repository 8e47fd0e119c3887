using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Models;

/// <summary>From a spec to its network.</summary>
public static class ModelFactory
{
    /// <summary>The graph of a spec's network; nothing native.</summary>
    public static Plan PlanOf(Spec spec) => spec.Model.Plan(spec.Convexity, DatasetInfo.Of(spec.Data));

    /// <summary>The network of a spec, on the CPU, with initial weights from the current random generator.</summary>
    public static PlanNetwork Build(Spec spec) => new(PlanOf(spec));
}
