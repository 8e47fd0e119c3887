using ConvexWeb.Training.Convexity;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Optimizers;

/// <summary>A trained parameter with its rule, its optimizer state and its constraint.</summary>
internal sealed record Slot(TrainedTensor Place, Parameter Parameter, UpdateRule Rule, Tensor[] State, ConstraintKind Constraint)
{
    public string Name => Place.Name;

    /// <summary>Whether the constraint changes this parameter after a step.</summary>
    public bool IsCovered => Constraint != ConstraintKind.Free;

    /// <summary>
    /// Steps that this parameter has taken:
    /// fewer than the optimizer's where it was left out of some, as a part of an ensemble is.
    /// </summary>
    public long Steps { get; set; }

    /// <summary>False until the first step has filled a momentum buffer.</summary>
    public bool Started => Steps > 0;
}
