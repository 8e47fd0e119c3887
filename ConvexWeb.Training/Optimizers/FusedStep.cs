#if !TORCHSHARP
using System.Runtime.InteropServices;
using ConvexWeb.Training.Native;
using TorchSharp;
#endif

namespace ConvexWeb.Training.Optimizers;

/// <summary>The seam to the native kernel. With the real TorchSharp there is none, and the plain path runs.</summary>
internal static class FusedStep
{
#if TORCHSHARP
    public static bool TryApply(StepRule rule, IReadOnlyList<Slot> slots, long step, double lr, double eps, out long negatives)
    {
        negatives = 0;
        return false;
    }

#else
    /// <summary>Applies rule and constraint in one pass; false where no kernel fits (another device).</summary>
    /// <param name="negatives">Constrained weights that the rule had left below zero.</param>
    public static unsafe bool TryApply(StepRule rule, IReadOnlyList<Slot> slots, long step, double lr, double eps, out long negatives)
    {
        negatives = 0;
        if (slots.Any(s => s.Parameter.device_type != DeviceType.CPU)) return false;
        var gradients = slots.Select(s => s.Parameter.grad!).ToList();
        var items = slots.Select((s, i) => new StepItem
        {
            Param = s.Parameter.Pointer,
            Grad = gradients[i].Pointer,
            First = s.State.Length > 0 ? s.State[0].Pointer : 0,
            Second = s.State.Length > 1 ? s.State[1].Pointer : 0,
            Constraint = (int)s.Constraint,
            Started = s.Started ? 1 : 0,
        }).ToList();
        long counted = 0;
        fixed (StepItem* first = CollectionsMarshal.AsSpan(items))
        {
            NativeMethods.Check(rule switch
            {
                SgdRule sgd => NativeMethods.cw_fused_sgd(first, items.Count, lr, sgd.Momentum, sgd.WeightDecay, sgd.Nesterov ? 1 : 0, eps, &counted),
                AdamRule adam => NativeMethods.cw_fused_adam(
                    first, items.Count, step, lr, adam.Beta1, adam.Beta2, adam.Eps, adam.WeightDecay, adam.Decoupled ? 1 : 0, eps, &counted),
                _ => throw new NotSupportedException(rule.GetType().Name),
            });
        }
        negatives = counted;
        GC.KeepAlive(slots);
        GC.KeepAlive(gradients);
        return true;
    }
#endif
}
