using ConvexWeb.Training.Convexity;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Optimizers;

/// <summary>
/// Trains the parameters of a network: one pass per step that applies the rule and then the convexity constraint.
/// On the CPU the pass is one kernel; elsewhere, or with <paramref name="fused"/> false,
/// plain tensor operations that give the same numbers to rounding.
/// </summary>
public sealed class Optimizer(nn.Module network, OptimizerOptions options, Constraint constraint, bool fused = true) : IDisposable
{
    private readonly Slot[] slots = [.. SlotsOf(network, options, constraint)];

    // Steps count on the device or here, as the path that runs has it.
    private readonly Tensor negativesOnDevice = zeros([], ScalarType.Int64, network.parameters().First().device).DetachFromDisposeScope();
    private long negatives;

    /// <summary>Constrained weights that steps left below zero before the operator, since this was last asked.</summary>
    public long TakeNegatives()
    {
        using var quiet = no_grad();
        var all = negatives + negativesOnDevice.item<long>();
        negatives = 0;
        negativesOnDevice.zero_();
        return all;
    }

    /// <summary>Steps taken since the start of the run.</summary>
    public long Steps { get; private set; }

    /// <summary>Steps of the parameters that have taken fewer than <see cref="Steps"/>; null where there are none.</summary>
    public IReadOnlyDictionary<string, long>? FewerSteps
        => slots.Where(s => s.Steps != Steps).ToDictionary(s => s.Name, s => s.Steps) is { Count: > 0 } fewer ? fewer : null;

    /// <summary>
    /// One step with the gradients that backward left; they are dropped afterwards.
    /// A parameter without a gradient stays as it is, weight decay included.
    /// </summary>
    public void Step(double lr)
    {
        Steps++;
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        // Parts that do not train yet obey the constraint from the first step on as well.
        if (Steps == 1)
            foreach (var slot in slots.Where(s => s.Parameter.grad is null))
                Constraint.Apply(slot.Parameter, slot.Constraint, constraint.Eps);
        // One group, but for parts that began later: Adam corrects its moments by the steps that a parameter itself has taken.
        var groups = slots.Where(s => s.Parameter.grad is not null)
            .GroupBy(s => (Step: s.Steps + 1, s.Rule, s.Place.IsAngle)).ToList();
        foreach (var group in groups)
        {
            var live = group.ToList();
            var (step, rule, isAngle) = group.Key;
            var rate = isAngle ? options.BaseLr : lr;
            if (fused && FusedStep.TryApply(rule, live, step, rate, constraint, out var found)) negatives += found;
            else StepPlain(rule, live, step, rate);
            foreach (var slot in live)
            {
                slot.Steps = step;
                slot.Parameter.grad = null;
            }
        }
    }

    private static IEnumerable<Slot> SlotsOf(nn.Module network, OptimizerOptions options, Constraint constraint)
    {
        var hasFirst = false;
        foreach (var (name, parameter) in network.named_parameters())
        {
            var place = new TrainedTensor(name, parameter.dim() > 1, IsFirst: !hasFirst);
            if (place.IsWeight) hasFirst = true;
            else place = place with { IsFirst = false };
            var rule = options.RuleFor(place);
            yield return new(
                place, parameter, rule, [.. rule.State.Select(_ => zeros_like(parameter).DetachFromDisposeScope())],
                constraint.OperatorOf(name));
        }
    }

    // The reference of the kernel, and the way on other devices: nothing here waits for the device.
    private void StepPlain(UpdateRule rule, IReadOnlyList<Slot> live, long step, double lr)
    {
        foreach (var slot in live)
        {
            using var scope = NewDisposeScope();
            rule.StepPlain(slot, step, lr);
            if (slot.IsCovered) negativesOnDevice.add_(slot.Parameter.lt(0).sum());
            // After the last thing that changes the weight.
            Constraint.Apply(slot.Parameter, slot.Constraint, constraint.Eps);
        }
    }

    /// <summary>
    /// The state tensors under the names of the checkpoint:
    /// <c>optimizer/exp_avg/fc1.weight</c>. The tensors themselves, not copies.
    /// </summary>
    public IEnumerable<(string Name, Tensor Value)> State()
        => slots.SelectMany(s => s.State.Select((tensor, i) => ($"optimizer/{s.Rule.State[i]}/{s.Name}", tensor)));

    /// <summary>Goes on after a checkpoint whose state tensors were copied into <see cref="State"/>.</summary>
    public void ResumeAt(long steps, IReadOnlyDictionary<string, long>? fewer = null)
    {
        Steps = steps;
        foreach (var slot in slots) slot.Steps = fewer?.TryGetValue(slot.Name, out var own) == true ? own : steps;
    }

    public void Dispose()
    {
        foreach (var tensor in slots.SelectMany(s => s.State)) tensor.Dispose();
        negativesOnDevice.Dispose();
    }
}
