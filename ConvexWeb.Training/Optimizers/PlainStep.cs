using ConvexWeb.Training.Convexity;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Optimizers;

/// <summary>The optimizers' rules in plain tensor operations, on any device: the reference of the fused pass.</summary>
internal static class PlainStep
{
    /// <param name="negatives">Adds the constrained weights that the rule left below zero; a count on the device, so that nothing waits for it.</param>
    public static void Apply(StepRule rule, IReadOnlyList<Slot> slots, long step, double lr, double eps, Tensor negatives)
    {
        foreach (var slot in slots)
        {
            using var scope = NewDisposeScope();
            if (rule is SgdRule sgd) Sgd(sgd, slot, lr);
            else Adam((AdamRule)rule, slot, step, lr);
            if (slot.Constraint != ConstraintKind.Free) negatives.add_(slot.Parameter.lt(0).sum());
            // After the last thing that changes the weight.
            Constraint.Apply(slot.Parameter, slot.Constraint, eps);
        }
    }

    private static void Sgd(SgdRule rule, Slot slot, double lr)
    {
        var gradient = slot.Parameter.grad!;
        if (rule.WeightDecay != 0) gradient = gradient.add(slot.Parameter, rule.WeightDecay);
        if (rule.Momentum != 0)
        {
            var buffer = slot.State[0];
            if (slot.Started) buffer.mul_(rule.Momentum).add_(gradient);
            else buffer.copy_(gradient);
            gradient = rule.Nesterov ? gradient.add(buffer, rule.Momentum) : buffer;
        }
        slot.Parameter.add_(gradient, -lr);
    }

    private static void Adam(AdamRule rule, Slot slot, long step, double lr)
    {
        var gradient = slot.Parameter.grad!;
        if (rule.WeightDecay != 0)
        {
            if (rule.Decoupled) slot.Parameter.mul_(1 - lr * rule.WeightDecay);
            else gradient = gradient.add(slot.Parameter, rule.WeightDecay);
        }
        var (mean, square) = (slot.State[0], slot.State[1]);
        mean.mul_(rule.Beta1).add_(gradient, 1 - rule.Beta1);
        square.mul_(rule.Beta2).addcmul_(gradient, gradient, 1 - rule.Beta2);
        var denominator = square.sqrt().div_(Math.Sqrt(1 - Math.Pow(rule.Beta2, step))).add_(rule.Eps);
        slot.Parameter.addcdiv_(mean, denominator, -lr / (1 - Math.Pow(rule.Beta1, step)));
    }
}
