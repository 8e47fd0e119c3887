using ConvexWeb.Training.Convexity;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Optimizers;

/// <summary>A trained parameter with its optimizer state and its constraint.</summary>
internal sealed record Slot(string Name, Parameter Parameter, Tensor[] State, ConstraintKind Constraint)
{
    /// <summary>False until the first step has filled a momentum buffer.</summary>
    public bool Started { get; set; }
}
