using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Kernels;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Optimizers;

/// <summary>What Adam and AdamW share.</summary>
public abstract record AdamFamilyOptions : OptimizerOptions
{
    [Parameter("Learning rate; the source of the MLP uses 0.0001.", Min = 1e-9, Max = 100, Title = "Learning rate")]
    public double Lr { get; init; } = 1e-4;

    [Parameter("Decay of the first moment.", Min = 0, Max = 0.9999999)]
    public double Beta1 { get; init; } = 0.9;

    [Parameter("Decay of the second moment.", Min = 0, Max = 0.9999999)]
    public double Beta2 { get; init; } = 0.999;

    [Parameter("Added to the denominator.", Min = 1e-16, Max = 1)]
    public double Eps { get; init; } = 1e-8;

    [Parameter("What decays. all: every tensor, as PyTorch's optimizers; matrices: neither biases nor norm scales nor any tensor "
        + "of one dimension, as timm, which CycleMLP's recipe uses.", Title = "Weight decay on")]
    public DecayedTensors WeightDecayOn { get; init; } = DecayedTensors.All;

    public override double BaseLr => Lr;
}

/// <summary>Adam with L2 in the gradient: Kingma and Ba 2015, arXiv 1412.6980.</summary>
[Choice("adam")]
public sealed record AdamOptions : AdamFamilyOptions
{
    [Parameter("L2 coefficient added to the gradient.", Min = 0, Max = 10)]
    public double WeightDecay { get; init; }

    internal override UpdateRule RuleFor(TrainedTensor tensor)
        => new AdamRule(Beta1, Beta2, Eps, tensor.Decays(WeightDecayOn) ? WeightDecay : 0, Decoupled: false);
}

/// <summary>Adam with decoupled weight decay: Loshchilov and Hutter 2019, arXiv 1711.05101.</summary>
[Choice("adamw")]
public sealed record AdamWOptions : AdamFamilyOptions
{
    [Parameter("Decoupled weight decay.", Min = 0, Max = 10)]
    public double WeightDecay { get; init; } = 0.01;

    internal override UpdateRule RuleFor(TrainedTensor tensor)
        => new AdamRule(Beta1, Beta2, Eps, tensor.Decays(WeightDecayOn) ? WeightDecay : 0, Decoupled: true);
}

internal sealed record AdamRule(double Beta1, double Beta2, double Eps, double WeightDecay, bool Decoupled) : UpdateRule
{
    public override IReadOnlyList<string> State => ["exp_avg", "exp_avg_sq"];

    public override void StepPlain(Slot slot, long step, double lr)
    {
        var gradient = slot.Parameter.grad!;
        if (WeightDecay != 0)
        {
            if (Decoupled) slot.Parameter.mul_(1 - lr * WeightDecay);
            else gradient = gradient.add(slot.Parameter, WeightDecay);
        }
        var (mean, square) = (slot.State[0], slot.State[1]);
        mean.mul_(Beta1).add_(gradient, 1 - Beta1);
        square.mul_(Beta2).addcmul_(gradient, gradient, 1 - Beta2);
        var denominator = square.sqrt().div_(Math.Sqrt(1 - Math.Pow(Beta2, step))).add_(Eps);
        slot.Parameter.addcdiv_(mean, denominator, -lr / (1 - Math.Pow(Beta1, step)));
    }

    public override long StepFused<T>(ReadOnlySpan<StepItem> items, long step, double lr, Constraint constraint, bool covered)
        => Run<T, Update<T>>(items, new()
        {
            Beta1 = T.CreateTruncating(Beta1),
            Beta2 = T.CreateTruncating(Beta2),
            Rest1 = T.CreateTruncating(1 - Beta1),
            Rest2 = T.CreateTruncating(1 - Beta2),
            StepSize = T.CreateTruncating(lr / (1 - Math.Pow(Beta1, step))),
            InverseCorrection = T.CreateTruncating(1 / Math.Sqrt(1 - Math.Pow(Beta2, step))),
            Eps = T.CreateTruncating(Eps),
            L2 = T.CreateTruncating(Decoupled ? 0 : WeightDecay),
            Shrink = T.CreateTruncating(Decoupled ? 1 - lr * WeightDecay : 1),
        }, constraint, covered);

    private struct Update<T> : IUpdateRule<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T Beta1, Beta2, Rest1, Rest2, StepSize, InverseCorrection, Eps, L2, Shrink;

        public readonly int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Vector512<T> Next(
            Vector512<T> weight, Vector512<T> gradient, ref Vector512<T> first, ref Vector512<T> second, bool started)
        {
            var w = weight * Vector512.Create(Shrink);
            var d = gradient + Vector512.Create(L2) * w;
            first = Vector512.Create(Beta1) * first + Vector512.Create(Rest1) * d;
            second = Vector512.Create(Beta2) * second + Vector512.Create(Rest2) * d * d;
            var denominator = Vector512.Sqrt(second) * Vector512.Create(InverseCorrection) + Vector512.Create(Eps);
            return w - Vector512.Create(StepSize) * first / denominator;
        }
    }
}
