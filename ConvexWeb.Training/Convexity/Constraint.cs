using ConvexWeb.Training.Models;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Convexity;

/// <summary>The operator that is applied to a stored weight after each optimizer step; numbers are those of the native kernel.</summary>
public enum ConstraintKind
{
    Free = 0,
    ExpEps = 1,
    Clip = 2,
}

/// <summary>A spec's convexity constraint: which tensors it covers, and what it does to them.</summary>
public sealed record Constraint(ConstraintKind Kind, double Eps, IReadOnlySet<string> Covered)
{
    public static Constraint Of(Spec spec)
    {
        var covered = Description.Describe(spec).SelectMany(l => l.Constrained).ToHashSet();
        return spec.Convexity switch
        {
            ExpEpsOptions exp => new(ConstraintKind.ExpEps, exp.Eps, covered),
            ClipOptions => new(ConstraintKind.Clip, 0, covered),
            _ => new(ConstraintKind.Free, 0, covered),
        };
    }

    public ConstraintKind KindOf(string parameter) => Covered.Contains(parameter) ? Kind : ConstraintKind.Free;

    /// <summary>The operator in plain tensor operations, in place: IOC paper Alg. 1 for <see cref="ConstraintKind.ExpEps"/>.</summary>
    public static void Apply(Tensor weight, ConstraintKind kind, double eps)
    {
        if (kind == ConstraintKind.Free) return;
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        if (kind == ConstraintKind.Clip) weight.clamp_(min: 0);
        else weight.copy_(where(weight.lt(0), weight.sub(eps).exp(), weight));
    }
}
