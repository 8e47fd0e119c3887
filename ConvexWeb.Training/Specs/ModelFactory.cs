using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models.Graph;

namespace ConvexWeb.Training.Specs;

/// <summary>From a spec to its network and its constraint.</summary>
public static class ModelFactory
{
    /// <summary>The graph of a spec's network; nothing native.</summary>
    public static Plan PlanOf(Spec spec) => spec.Model.Plan(spec.Convexity, DatasetInfo.Of(spec.Data).Input);

    /// <summary>The network of a spec, on the CPU, with initial weights from the current random generator.</summary>
    public static PlanNetwork Build(Spec spec) => new(PlanOf(spec));

    extension(Constraint)
    {
        /// <summary>A spec's constraint over the tensors that its plan has it cover.</summary>
        public static Constraint Of(Spec spec) => Constraint.Of(spec.Convexity, PlanOf(spec).CoveredTensors);
    }
}
