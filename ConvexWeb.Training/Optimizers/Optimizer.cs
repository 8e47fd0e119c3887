using ConvexWeb.Training.Convexity;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Optimizers;

/// <summary>
/// Trains the parameters of a network: one pass per step that applies the rule and then the convexity constraint.
/// On the CPU the pass is one native kernel; elsewhere, or with <paramref name="fused"/> false, plain tensor operations that give the same numbers to rounding.
/// </summary>
public sealed class Optimizer(nn.Module network, StepRule rule, Constraint constraint, bool fused = true) : IDisposable
{
    private readonly Slot[] slots = [.. network.named_parameters().Select(p => new Slot(
        p.name,
        p.parameter,
        [.. rule.State.Select(_ => zeros_like(p.parameter).DetachFromDisposeScope())],
        constraint.OperatorOf(p.name)))];

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

    /// <summary>One step with the gradients that backward left; they are dropped afterwards.</summary>
    public void Step(double lr)
    {
        Steps++;
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var live = slots.Where(s => s.Parameter.grad is not null).ToList();
        if (fused && FusedStep.TryApply(rule, live, Steps, lr, constraint.Eps, out var found)) negatives += found;
        else PlainStep.Apply(rule, live, Steps, lr, constraint.Eps, negativesOnDevice);
        foreach (var slot in live)
        {
            slot.Started = true;
            slot.Parameter.grad = null;
        }
    }

    /// <summary>The state tensors under the names of the checkpoint: <c>optimizer/exp_avg/fc1.weight</c>. The tensors themselves, not copies.</summary>
    public IEnumerable<(string Name, Tensor Value)> State()
        => slots.SelectMany(s => s.State.Select((tensor, i) => ($"optimizer/{rule.State[i]}/{s.Name}", tensor)));

    /// <summary>Goes on after a checkpoint whose state tensors were copied into <see cref="State"/>.</summary>
    public void ResumeAt(long steps)
    {
        Steps = steps;
        foreach (var slot in slots) slot.Started = steps > 0;
    }

    public void Dispose()
    {
        foreach (var tensor in slots.SelectMany(s => s.State)) tensor.Dispose();
        negativesOnDevice.Dispose();
    }
}
