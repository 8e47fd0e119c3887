using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Kernels;

namespace ConvexWeb.Training.Optimizers;

/// <summary>
/// An optimizer's rule with its numbers, apart from the learning rate:
/// once in plain tensor operations, once as a kernel.
/// </summary>
internal abstract record UpdateRule
{
    /// <summary>Names of the state tensors that a parameter needs, as PyTorch calls them; at most two.</summary>
    public abstract IReadOnlyList<string> State { get; }

    /// <summary>The rule in plain tensor operations, on any device; the kernel's reference. The constraint is not applied.</summary>
    /// <param name="step">Steps of this parameter, this one included.</param>
    public abstract void StepPlain(Slot slot, long step, double lr);

    /// <summary>Rule and constraint in one pass over CPU tensors of type <typeparamref name="T"/>.</summary>
    /// <returns>Constrained weights that the rule had left below zero.</returns>
    public abstract long StepFused<T>(ReadOnlySpan<StepItem> items, long step, double lr, Constraint constraint, bool covered)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>;

    /// <summary>Runs the kernel of one rule with the operator that the constraint has for these weights.</summary>
    protected static long Run<T, TRule>(ReadOnlySpan<StepItem> items, TRule rule, Constraint constraint, bool covered)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T> where TRule : unmanaged, IUpdateRule<T>
        => (covered ? constraint.Kind : ConstraintKind.Free) switch
        {
            ConstraintKind.ExpEps => StepKernel.Apply<T, TRule, ExpEpsOperator>(items, rule, new(constraint.Eps)),
            ConstraintKind.Clip => StepKernel.Apply<T, TRule, ClipOperator>(items, rule, default),
            ConstraintKind.Abs => StepKernel.Apply<T, TRule, AbsOperator>(items, rule, default),
            ConstraintKind.Shift => StepKernel.Apply<T, TRule, ShiftOperator>(items, rule, default),
            ConstraintKind.Free or ConstraintKind.SoftplusReparam => StepKernel.Apply<T, TRule, FreeWeights>(items, rule, default),
            var unknown => throw new NotSupportedException($"No kernel applies the constraint {unknown}."),
        };
}
