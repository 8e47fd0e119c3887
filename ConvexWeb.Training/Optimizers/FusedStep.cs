using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Optimizers;

/// <summary>
/// An optimizer's step over CPU tensors: checks them,
/// then hands their memory to <see cref="StepKernel"/>, which checks nothing.
/// </summary>
internal static class FusedStep
{
    /// <summary>Applies rule and constraint in one pass.</summary>
    /// <param name="slots">Parameters with a gradient.</param>
    /// <param name="negatives">Constrained weights that the rule had left below zero.</param>
    /// <returns>False where the kernel does not fit: another device, type or memory layout. Nothing has been changed then.</returns>
    public static bool TryApply(UpdateRule rule, IReadOnlyList<Slot> slots, long step, double lr, Constraint constraint, out long negatives)
    {
        negatives = 0;
        if (!KernelSwitch.Has(KernelKind.Step) || !slots.All(Fits)) return false;
        (bool Covered, ScalarType Type)[] kinds =
        [
            (true, ScalarType.Float32), (false, ScalarType.Float32), (true, ScalarType.Float64), (false, ScalarType.Float64),
        ];
        foreach (var (covered, type) in kinds)
        {
            List<Slot> some = [.. slots.Where(s => s.IsCovered == covered && s.Parameter.dtype == type)];
            if (some.Count == 0) continue;
            List<Tensor> gradients = [.. some.Select(s => s.Parameter.grad!.contiguous())];
            StepItem[] items = [.. some.Select((s, i) => ItemOf(s, gradients[i]))];
            negatives += type == ScalarType.Float32
                ? rule.StepFused<float>(items, step, lr, constraint, covered)
                : rule.StepFused<double>(items, step, lr, constraint, covered);
            GC.KeepAlive((some, gradients));
        }
        return true;
    }

    private static bool Fits(Slot slot)
    {
        var parameter = slot.Parameter;
        return parameter.device_type == DeviceType.CPU
            && parameter.dtype is ScalarType.Float32 or ScalarType.Float64 && parameter.is_contiguous()
            && slot.State.All(s => s.is_contiguous() && s.dtype == parameter.dtype && s.numel() == parameter.numel())
            && parameter.grad is { } gradient && gradient.dtype == parameter.dtype && gradient.numel() == parameter.numel();
    }

    private static unsafe StepItem ItemOf(Slot slot, Tensor gradient) => new()
    {
        Weight = LibtorchNative.Data(slot.Parameter),
        Gradient = LibtorchNative.Data(gradient),
        First = slot.State.Length > 0 ? LibtorchNative.Data(slot.State[0]) : null,
        Second = slot.State.Length > 1 ? LibtorchNative.Data(slot.State[1]) : null,
        Count = slot.Parameter.numel(),
        Started = slot.Started,
    };
}
