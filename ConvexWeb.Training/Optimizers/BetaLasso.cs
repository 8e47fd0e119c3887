using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Kernels;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Optimizers;

/// <summary>
/// β-LASSO: w ← w − lr·(g + λ·sign w), then w ← 0 where |w| &lt; β·λ. Source: Neyshabur 2020, arXiv 2007.13657, Alg. 1; seed 002, table I
/// (science.md S12). The threshold does not grow with the learning rate, and it is a hard one, whatever the source's prose says.
/// Biases and what belongs to norms are neither shrunk nor cut. β = 0 is the subgradient of l1 alone: no weight is ever exactly 0.
/// </summary>
[Choice("beta_lasso")]
public sealed record BetaLassoOptions : OptimizerOptions
{
    [Parameter("Learning rate.", Min = 1e-9, Max = 100, Title = "Learning rate")]
    public double Lr { get; init; } = 0.1;

    [Parameter("Weights below β·λ become 0; the source uses 50.", Min = 0, Max = 1e6)]
    public double Beta { get; init; } = 50;

    [Parameter("λ of the first layer; the source tunes it apart from the others.", Min = 0, Max = 1)]
    public double LambdaFirst { get; init; } = 2e-5;

    [Parameter("λ of all other layers.", Min = 0, Max = 1)]
    public double LambdaRest { get; init; } = 2e-5;

    [Parameter("Whose sign: prev is the weight's before the step, as in the source's algorithm; post is that behind the gradient's part "
        + "of the step, as in the public codes.")]
    public SignPlace SignAt { get; init; } = SignPlace.Prev;

    public override double BaseLr => Lr;

    internal override UpdateRule RuleFor(TrainedTensor tensor)
        => new BetaLassoRule(!tensor.IsWeight ? 0 : tensor.IsFirst ? LambdaFirst : LambdaRest, Beta, SignAt);
}

/// <summary>Which weight's sign β-LASSO takes.</summary>
public enum SignPlace
{
    Prev,
    Post,
}

internal sealed record BetaLassoRule(double Lambda, double Beta, SignPlace SignAt) : UpdateRule
{
    public override IReadOnlyList<string> State => [];

    public override void StepPlain(Slot slot, long step, double lr)
    {
        var weight = slot.Parameter;
        var gradient = slot.Parameter.grad!;
        if (SignAt == SignPlace.Prev) weight.sub_(gradient.add(weight.sign(), Lambda).mul(lr));
        else
        {
            weight.add_(gradient, -lr);
            weight.sub_(weight.sign().mul(lr * Lambda));
        }
        // The product in the weights' own type, as a check of the result computes it.
        var least = weight.dtype == TorchSharp.torch.ScalarType.Float32 ? (float)Beta * (float)Lambda : Beta * Lambda;
        weight.mul_(weight.abs().ge(least));
    }

    public override long StepFused<T>(ReadOnlySpan<StepItem> items, long step, double lr, Constraint constraint, bool covered)
        => Run<T, Update<T>>(items, new()
        {
            Lr = T.CreateTruncating(lr), Lambda = T.CreateTruncating(Lambda), Shrink = T.CreateTruncating(lr * Lambda),
            Least = T.CreateTruncating(Beta) * T.CreateTruncating(Lambda), IsPost = SignAt == SignPlace.Post,
        }, constraint, covered);

    private struct Update<T> : IUpdateRule<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T Lr, Lambda, Shrink, Least;
        public bool IsPost;

        public readonly int States => 0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Vector512<T> Next(
            Vector512<T> weight, Vector512<T> gradient, ref Vector512<T> first, ref Vector512<T> second, bool started)
        {
            Vector512<T> next;
            if (IsPost)
            {
                next = weight - Vector512.Create(Lr) * gradient;
                next -= Signed(Vector512.Create(Shrink), next);
            }
            else next = weight - Vector512.Create(Lr) * (gradient + Signed(Vector512.Create(Lambda), weight));
            // A NaN stays: a network that diverged must not look sparse.
            return Vector512.AndNot(next, Vector512.LessThan(Vector512.Abs(next), Vector512.Create(Least)));
        }

        // The amount with the sign of each weight, 0 where the weight is 0.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<T> Signed(Vector512<T> amount, Vector512<T> weight)
        {
            var positive = Vector512.GreaterThan(weight, Vector512<T>.Zero) & amount;
            return Vector512.ConditionalSelect(Vector512.LessThan(weight, Vector512<T>.Zero), -amount, positive);
        }
    }
}
