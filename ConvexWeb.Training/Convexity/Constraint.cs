using static TorchSharp.torch;

namespace ConvexWeb.Training.Convexity;

/// <summary>The operator that is applied to a stored weight after each optimizer step.</summary>
public enum ConstraintKind
{
    Free = 0,
    ExpEps = 1,
    Clip = 2,
    Abs = 3,
    Shift = 4,

    /// <summary>No operator: the weight is softplus of the stored tensor.</summary>
    SoftplusReparam = 5,
}

/// <summary>A spec's convexity constraint: which tensors it covers, and what it does to them.</summary>
public sealed record Constraint(ConstraintKind Kind, double Eps, IReadOnlySet<string> Covered)
{
    /// <param name="covered">Names of the tensors that the constraint covers, as the network's plan has them.</param>
    public static Constraint Of(ConvexityOptions options, IEnumerable<string> covered)
    {
        var (kind, eps) = options switch
        {
            ExpEpsOptions exp => (ConstraintKind.ExpEps, exp.Eps),
            ClipOptions => (ConstraintKind.Clip, 0),
            AbsOptions => (ConstraintKind.Abs, 0),
            ShiftOptions => (ConstraintKind.Shift, 0),
            SoftplusReparamOptions => (ConstraintKind.SoftplusReparam, 0),
            NoConvexityOptions => (ConstraintKind.Free, 0),
            _ => throw new NotSupportedException(options.GetType().Name),
        };
        return new(kind, eps, covered.ToHashSet());
    }

    /// <summary>The operator that a parameter gets after each step.</summary>
    public ConstraintKind OperatorOf(string parameter)
        => Covered.Contains(parameter) && Kind != ConstraintKind.SoftplusReparam ? Kind : ConstraintKind.Free;

    /// <summary>The weight that a covered parameter stands for.</summary>
    public Tensor Effective(Tensor stored) => Kind == ConstraintKind.SoftplusReparam ? nn.functional.softplus(stored) : stored;

    /// <summary>The operator in plain tensor operations, in place: IOC paper Alg. 1 for <see cref="ConstraintKind.ExpEps"/>.</summary>
    public static void Apply(Tensor weight, ConstraintKind kind, double eps)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        switch (kind)
        {
            case ConstraintKind.ExpEps: weight.copy_(where(weight.lt(0), weight.sub(eps).exp(), weight)); break;
            case ConstraintKind.Clip: weight.clamp_(min: 0); break;
            case ConstraintKind.Abs: weight.copy_(weight.abs()); break;
            case ConstraintKind.Shift: weight.sub_(weight.min().clamp(max: 0)); break;
            case ConstraintKind.Free or ConstraintKind.SoftplusReparam: break;
            default: throw new NotSupportedException(kind.ToString());
        }
    }
}
