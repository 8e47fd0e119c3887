using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Kernels;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Optimizers;

/// <summary>Stochastic gradient descent with momentum: b ← momentum·b + g; w ← w − lr·b, as PyTorch's SGD (no dampening).</summary>
[Choice("sgd")]
public sealed record SgdOptions : OptimizerOptions
{
    [Parameter("Learning rate.", Min = 1e-9, Max = 100, Title = "Learning rate")]
    public double Lr { get; init; } = 0.1;

    [Parameter("Momentum.", Min = 0, Max = 0.9999)]
    public double Momentum { get; init; } = 0.9;

    [Parameter("L2 coefficient added to the gradient (half of it is the λ of λ‖w‖²).", Min = 0, Max = 10)]
    public double WeightDecay { get; init; }

    [Parameter("What decays. all: every tensor, as PyTorch's optimizers; matrices: neither biases nor norm scales nor any tensor "
        + "of one dimension, as timm, which CycleMLP's recipe uses.", Title = "Weight decay on")]
    public DecayedTensors WeightDecayOn { get; init; } = DecayedTensors.All;

    [Parameter("Nesterov's variant; needs momentum.")]
    public bool Nesterov { get; init; }

    public override double BaseLr => Lr;

    internal override UpdateRule RuleFor(TrainedTensor tensor)
        => new SgdRule(Momentum, tensor.Decays(WeightDecayOn) ? WeightDecay : 0, Nesterov);
}

internal sealed record SgdRule(double Momentum, double WeightDecay, bool Nesterov) : UpdateRule
{
    public override IReadOnlyList<string> State => Momentum == 0 ? [] : ["momentum_buffer"];

    public override void StepPlain(Slot slot, long step, double lr)
    {
        var gradient = slot.Parameter.grad!;
        if (WeightDecay != 0) gradient = gradient.add(slot.Parameter, WeightDecay);
        if (Momentum != 0)
        {
            var buffer = slot.State[0];
            if (slot.Started) buffer.mul_(Momentum).add_(gradient);
            else buffer.copy_(gradient);
            gradient = Nesterov ? gradient.add(buffer, Momentum) : buffer;
        }
        slot.Parameter.add_(gradient, -lr);
    }

    public override long StepFused<T>(ReadOnlySpan<StepItem> items, long step, double lr, Constraint constraint, bool covered)
        => Run<T, Update<T>>(items, new()
        {
            Lr = T.CreateTruncating(lr), Momentum = T.CreateTruncating(Momentum), WeightDecay = T.CreateTruncating(WeightDecay),
            HasMomentum = Momentum != 0, Nesterov = Nesterov,
        }, constraint, covered);

    private struct Update<T> : IUpdateRule<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T Lr, Momentum, WeightDecay;
        public bool HasMomentum, Nesterov;

        public readonly int States => HasMomentum ? 1 : 0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Vector512<T> Next(
            Vector512<T> weight, Vector512<T> gradient, ref Vector512<T> first, ref Vector512<T> second, bool started)
        {
            var d = gradient + Vector512.Create(WeightDecay) * weight;
            if (!HasMomentum) return weight - Vector512.Create(Lr) * d;
            first = started ? Vector512.Create(Momentum) * first + d : d;
            return weight - Vector512.Create(Lr) * (Nesterov ? d + Vector512.Create(Momentum) * first : first);
        }
    }
}
