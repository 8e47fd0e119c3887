using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ConvexWeb.Training.Kernels;

/// <summary>An optimizer's rule for each weight by itself.</summary>
internal interface IUpdateRule<T> where T : unmanaged
{
    /// <summary>State tensors of a parameter: 0, 1 or 2.</summary>
    int States { get; }

    /// <param name="first">The optimizer's state, read and written.</param>
    /// <param name="started">False in a parameter's first step, when its state holds nothing yet.</param>
    /// <returns>The weights after the step.</returns>
    Vector512<T> Next(Vector512<T> weight, Vector512<T> gradient, ref Vector512<T> first, ref Vector512<T> second, bool started);
}

/// <summary>What a convexity constraint does to the weights that a step has left below zero.</summary>
internal interface IWeightOperator
{
    /// <summary>False for weights without a constraint.</summary>
    static abstract bool Constrains { get; }

    /// <summary>Whether it needs the smallest weight of the whole tensor, which is then subtracted where it is below zero.</summary>
    static abstract bool ShiftsTensor { get; }

    Vector512<T> Apply<T>(Vector512<T> negative) where T : unmanaged, IFloatingPointIeee754<T>;
}

/// <summary>The operator of weights that no constraint covers.</summary>
internal readonly struct FreeWeights : IWeightOperator
{
    public static bool Constrains => false;

    public static bool ShiftsTensor => false;

    public Vector512<T> Apply<T>(Vector512<T> negative) where T : unmanaged, IFloatingPointIeee754<T> => negative;
}

/// <summary>One parameter of a step: dense tensors of one type and one order of elements.</summary>
internal unsafe struct StepItem
{
    public void* Weight;
    public void* Gradient;

    /// <summary>The optimizer's state; null where its rule has none.</summary>
    public void* First;
    public void* Second;
    public long Count;
    public bool Started;
}

/// <summary>
/// One pass over all parameters for each optimizer step: the rule, then the convexity constraint, while a weight is in a register. The
/// arithmetic and its order are those of PyTorch's single-tensor optimizers,
/// so the plain operators in the optimizers' files give the same numbers to rounding.
/// </summary>
internal static unsafe class StepKernel
{
    // Elements of one piece of work: five streams of floats of this length are 160 KB, which stay in the second-level cache.
    private const long Chunk = 8192;

    private struct Work<T, TRule, TOperator>
        where T : unmanaged, IFloatingPointIeee754<T> where TRule : unmanaged, IUpdateRule<T> where TOperator : unmanaged, IWeightOperator
    {
        public StepItem* Items;
        public int Count;
        public TRule Rule;
        public TOperator Operator;
        public long Negatives;
    }

    /// <returns>How many constrained weights the rule had left below zero.</returns>
    public static long Apply<T, TRule, TOperator>(ReadOnlySpan<StepItem> items, TRule rule, TOperator weightOperator)
        where T : unmanaged, IFloatingPointIeee754<T> where TRule : unmanaged, IUpdateRule<T> where TOperator : unmanaged, IWeightOperator
    {
        fixed (StepItem* first = items)
        {
            var work = new Work<T, TRule, TOperator> { Items = first, Count = items.Length, Rule = rule, Operator = weightOperator };
            long chunks = 0;
            foreach (ref readonly var item in items) chunks += ChunksOf(item.Count);
            KernelPool.For(chunks, 1, &Update<T, TRule, TOperator>, &work);
            if (TOperator.ShiftsTensor) KernelPool.For(items.Length, 1, &Shift<T>, first);
            return work.Negatives;
        }
    }

    private static long ChunksOf(long count) => (count + Chunk - 1) / Chunk;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Update<T, TRule, TOperator>(void* state, long from, long to, int thread)
        where T : unmanaged, IFloatingPointIeee754<T> where TRule : unmanaged, IUpdateRule<T> where TOperator : unmanaged, IWeightOperator
    {
        var work = (Work<T, TRule, TOperator>*)state;
        long negatives = 0, before = 0;
        for (var i = 0; i < work->Count && before < to; i++)
        {
            var item = work->Items + i;
            var own = ChunksOf(item->Count);
            if (before + own > from)
            {
                var begin = Math.Max(0, from - before) * Chunk;
                var end = Math.Min(item->Count, Math.Min(own, to - before) * Chunk);
                negatives += Range<T, TRule, TOperator>(*item, begin, end, work->Rule, work->Operator);
            }
            before += own;
        }
        Interlocked.Add(ref work->Negatives, negatives);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Range<T, TRule, TOperator>(StepItem item, long begin, long end, TRule rule, TOperator weightOperator)
        where T : unmanaged, IFloatingPointIeee754<T> where TRule : unmanaged, IUpdateRule<T> where TOperator : unmanaged, IWeightOperator
    {
        T* weights = (T*)item.Weight, gradients = (T*)item.Gradient, firsts = (T*)item.First, seconds = (T*)item.Second;
        var (states, started) = (rule.States, item.Started);
        long negatives = 0;
        for (var i = begin; i < end; i += Vector512<T>.Count)
        {
            var count = end - i;
            var first = states > 0 ? Lanes.Load(firsts + i, count) : Vector512<T>.Zero;
            var second = states > 1 ? Lanes.Load(seconds + i, count) : Vector512<T>.Zero;
            var next = rule.Next(Lanes.Load(weights + i, count), Lanes.Load(gradients + i, count), ref first, ref second, started);
            if (states > 0) Lanes.Store(first, firsts + i, count);
            if (states > 1) Lanes.Store(second, seconds + i, count);
            if (TOperator.Constrains)
            {
                // Few weights are negative after any one step: most vectors have none.
                var negative = Vector512.LessThan(next, Vector512<T>.Zero);
                if (negative != Vector512<T>.Zero)
                {
                    negatives += BitOperations.PopCount(negative.ExtractMostSignificantBits());
                    if (!TOperator.ShiftsTensor) next = Vector512.ConditionalSelect(negative, weightOperator.Apply(next), next);
                }
            }
            Lanes.Store(next, weights + i, count);
        }
        return negatives;
    }

    // w − min(0, min w); a NaN among them makes all NaN, as the plain operator does.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Shift<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (var i = from; i < to; i++)
        {
            var item = ((StepItem*)state)[i];
            var weights = (T*)item.Weight;
            var least = T.Zero;
            for (var w = 0L; w < item.Count; w++) least = T.Min(least, weights[w]);
            if (least == T.Zero) continue;
            for (var w = 0L; w < item.Count; w++) weights[w] -= least;
        }
    }
}
