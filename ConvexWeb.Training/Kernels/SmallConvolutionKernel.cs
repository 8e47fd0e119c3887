using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// Sizes of a convolution with stride 1 and no padding, and of the max pool behind it: images [C, H, W] to [O, H', W'] and, by windows of
/// pool × pool beside one another, to [O, H'', W'']. A pool of 1 is none.
/// </summary>
internal readonly record struct SmallConvolution(int In, int Height, int Width, int Out, int Kernel, int Pool)
{
    /// <summary>Sides behind the convolution, and behind the pool.</summary>
    public int ConvolvedHeight => Height - Kernel + 1;
    public int ConvolvedWidth => Width - Kernel + 1;
    public int OutHeight => ConvolvedHeight / Pool;
    public int OutWidth => ConvolvedWidth / Pool;

    public int Places => ConvolvedHeight * ConvolvedWidth;
    public int Pooled => OutHeight * OutWidth;
    public int Filter => In * Kernel * Kernel;
}

/// <summary>
/// Convolutions of few channels, with the pool behind them, over images that lie with the batch last in memory, [C·H·W, B]: a weight is
/// one number that multiplies a row of the batch. For these sizes libtorch takes longer to arrange its operands than to multiply them.
/// B is a multiple of <see cref="VectorLength{T}"/>, O of <see cref="Outputs"/>.
/// </summary>
internal static unsafe class SmallConvolutionKernel
{
    /// <summary>Outputs that are computed together, so that each value that is loaded is used four times.</summary>
    public const int Outputs = 4;

    private const int MostWindow = 4;

    /// <summary>Numbers of a vector.</summary>
    public static int VectorLength<T>() => Vector512<T>.Count;

    private struct Work<T> where T : unmanaged
    {
        public SmallConvolution Shape;
        public T* Input, Weight, Bias, Output, Which;
        public long Batch;
    }

    /// <summary>output [O·Q, B] = the largest of each window of Σ weight [O, C·k·k] · input [C·H·W, B] + bias [O].</summary>
    /// <param name="which">Gets the place in its window, 0 to 3, that each output is of, [O·Q, B]; null for no gradient.</param>
    public static void Forward<T>(SmallConvolution shape, T* input, T* weight, T* bias, T* output, T* which, long batch)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = new Work<T>
        {
            Shape = shape, Input = input, Weight = weight, Bias = bias, Output = output, Which = which, Batch = batch,
        };
        KernelPool.For(shape.Pooled, 1, &ForwardBody<T>, &work);
    }

    /// <summary>
    /// toConvolved [O·P, B] = gradient [O·Q, B] at the places that the pool took, else 0, and toBias [O] its sums.
    /// </summary>
    public static void Spread<T>(SmallConvolution shape, T* gradient, T* which, T* toConvolved, T* toBias, long batch)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = new Work<T> { Shape = shape, Input = gradient, Which = which, Output = toConvolved, Bias = toBias, Batch = batch };
        KernelPool.For(shape.Out, 1, &SpreadBody<T>, &work);
    }

    /// <summary>toWeight [O, C·k·k] = Σ over places and batch of gradient [O·P, B] · input [C·H·W, B]</summary>
    public static void WeightGradient<T>(SmallConvolution shape, T* input, T* gradient, T* toWeight, long batch)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = new Work<T> { Shape = shape, Input = input, Weight = toWeight, Output = gradient, Batch = batch };
        KernelPool.For((long)shape.Out / 2 * ((shape.Filter + 1) / 2), 1, &WeightBody<T>, &work);
    }

    /// <summary>toInput [C·H·W, B] = Σ weight [O, C·k·k] · gradient [O·P, B]; C is a multiple of <see cref="Outputs"/>.</summary>
    public static void InputGradient<T>(SmallConvolution shape, T* weight, T* gradient, T* toInput, long batch)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = new Work<T> { Shape = shape, Input = toInput, Weight = weight, Output = gradient, Batch = batch };
        KernelPool.For((long)shape.Height * shape.Width, 1, &InputBody<T>, &work);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardBody<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        var s = w.Shape;
        var vector = Vector512<T>.Count;
        // Four outputs at each place of a window.
        var window = stackalloc T[MostWindow * Outputs * vector];
        for (var q = (int)from; q < to; q++)
        {
            var (top, left) = (q / s.OutWidth * s.Pool, q % s.OutWidth * s.Pool);
            for (var o = 0; o < s.Out; o += Outputs)
                for (long b = 0; b < w.Batch; b += vector)
                {
                    for (var j = 0; j < s.Pool * s.Pool; j++)
                        FourOutputs(w, o, top + j / s.Pool, left + j % s.Pool, b, window + j * Outputs * vector);
                    for (var i = 0; i < Outputs; i++)
                    {
                        var at = ((long)(o + i) * s.Pooled + q) * w.Batch + b;
                        var best = Vector512.Load(window + i * vector);
                        var place = Vector512<T>.Zero;
                        for (var j = 1; j < s.Pool * s.Pool; j++)
                        {
                            var value = Vector512.Load(window + (j * Outputs + i) * vector);
                            // The first of equal ones, and a NaN whatever comes before it, as libtorch's.
                            var isBetter = Vector512.GreaterThan(value, best) | ~Vector512.Equals(value, value);
                            best = Vector512.ConditionalSelect(isBetter, value, best);
                            place = Vector512.ConditionalSelect(isBetter, Vector512.Create(T.CreateTruncating(j)), place);
                        }
                        best.Store(w.Output + at);
                        if (w.Which != null) place.Store(w.Which + at);
                    }
                }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourOutputs<T>(in Work<T> w, int o, int y, int x, long b, T* to) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var s = w.Shape;
        var (filter, vector, batch) = (s.Filter, Vector512<T>.Count, w.Batch);
        var own = w.Weight + (long)o * filter;
        var (a0, a1) = (Vector512.Create(w.Bias[o]), Vector512.Create(w.Bias[o + 1]));
        var (a2, a3) = (Vector512.Create(w.Bias[o + 2]), Vector512.Create(w.Bias[o + 3]));
        for (var c = 0; c < s.In; c++)
            for (var u = 0; u < s.Kernel; u++)
            {
                var row = w.Input + ((long)(c * s.Height + y + u) * s.Width + x) * batch + b;
                for (var v = 0; v < s.Kernel; v++, own++, row += batch)
                {
                    var value = Vector512.Load(row);
                    a0 = Lanes.MultiplyAdd(Vector512.Create(own[0]), value, a0);
                    a1 = Lanes.MultiplyAdd(Vector512.Create(own[filter]), value, a1);
                    a2 = Lanes.MultiplyAdd(Vector512.Create(own[2 * filter]), value, a2);
                    a3 = Lanes.MultiplyAdd(Vector512.Create(own[3 * filter]), value, a3);
                }
            }
        a0.Store(to);
        a1.Store(to + vector);
        a2.Store(to + 2 * vector);
        a3.Store(to + 3 * vector);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SpreadBody<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        var s = w.Shape;
        var vector = Vector512<T>.Count;
        for (var o = (int)from; o < to; o++)
        {
            var own = w.Output + (long)o * s.Places * w.Batch;
            // Rows and columns that no window reaches.
            if (s.ConvolvedHeight % s.Pool != 0 || s.ConvolvedWidth % s.Pool != 0)
                for (long i = 0; i < s.Places * w.Batch; i += vector) Vector512<T>.Zero.Store(own + i);
            var sum = Vector512<T>.Zero;
            for (var q = 0; q < s.Pooled; q++)
                for (long b = 0; b < w.Batch; b += vector)
                {
                    var at = ((long)o * s.Pooled + q) * w.Batch + b;
                    var (gradient, place) = (Vector512.Load(w.Input + at), Vector512.Load(w.Which + at));
                    sum += gradient;
                    for (var j = 0; j < s.Pool * s.Pool; j++)
                    {
                        var (y, x) = (q / s.OutWidth * s.Pool + j / s.Pool, q % s.OutWidth * s.Pool + j % s.Pool);
                        var isTaken = Vector512.Equals(place, Vector512.Create(T.CreateTruncating(j)));
                        (gradient & isTaken).Store(own + ((long)y * s.ConvolvedWidth + x) * w.Batch + b);
                    }
                }
            w.Bias[o] = Vector512.Sum(sum);
        }
    }

    // A piece of work is two outputs by two weights of a filter, over all places.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WeightBody<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        var s = w.Shape;
        var (vector, pairs, area) = (Vector512<T>.Count, (s.Filter + 1) / 2, s.Kernel * s.Kernel);
        for (var piece = from; piece < to; piece++)
        {
            var (o, f) = ((int)(piece / pairs) * 2, (int)(piece % pairs) * 2);
            var g = Math.Min(f + 1, s.Filter - 1); // with an odd number of weights the last one stands twice
            var first = w.Input + Offset(f);
            var second = w.Input + Offset(g);
            var one = w.Output + (long)o * s.Places * w.Batch;
            var other = one + (long)s.Places * w.Batch;
            Vector512<T> a = default, b = default, c = default, d = default;
            for (var y = 0; y < s.OutHeight * s.Pool; y++)
            {
                var (at, place) = ((long)y * s.Width * w.Batch, (long)y * s.ConvolvedWidth * w.Batch);
                // The values of a row lie one behind the other for both.
                for (long i = 0; i < s.OutWidth * s.Pool * w.Batch; i += vector)
                {
                    var (p, q) = (Vector512.Load(one + place + i), Vector512.Load(other + place + i));
                    var (x, z) = (Vector512.Load(first + at + i), Vector512.Load(second + at + i));
                    a = Lanes.MultiplyAdd(p, x, a);
                    b = Lanes.MultiplyAdd(p, z, b);
                    c = Lanes.MultiplyAdd(q, x, c);
                    d = Lanes.MultiplyAdd(q, z, d);
                }
            }
            var into = w.Weight + (long)o * s.Filter;
            into[f] = Vector512.Sum(a);
            into[g] = Vector512.Sum(g == f ? a : b);
            into[s.Filter + f] = Vector512.Sum(c);
            into[s.Filter + g] = Vector512.Sum(g == f ? c : d);

            long Offset(int weight)
                => ((long)(weight / area * s.Height + weight % area / s.Kernel) * s.Width + weight % s.Kernel) * w.Batch;
        }
    }

    // Each place of the input gathers from the outputs that look at it, so that no two threads write to one place.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InputBody<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        var s = w.Shape;
        for (var place = from; place < to; place++)
            for (var c = 0; c < s.In; c += Outputs)
                for (long b = 0; b < w.Batch; b += Vector512<T>.Count) FourInputs(w, (int)(place / s.Width), (int)(place % s.Width), c, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourInputs<T>(in Work<T> w, int y, int x, int c, long b) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var s = w.Shape;
        var (area, batch) = (s.Kernel * s.Kernel, w.Batch);
        Vector512<T> a0 = default, a1 = default, a2 = default, a3 = default;
        for (var u = Math.Max(0, y - s.ConvolvedHeight + 1); u < Math.Min(s.Kernel, y + 1); u++)
            for (var v = Math.Max(0, x - s.ConvolvedWidth + 1); v < Math.Min(s.Kernel, x + 1); v++)
            {
                var own = w.Weight + (long)c * area + u * s.Kernel + v;
                var gradient = w.Output + ((long)(y - u) * s.ConvolvedWidth + x - v) * batch + b;
                for (var o = 0; o < s.Out; o++, own += s.Filter, gradient += s.Places * batch)
                {
                    var value = Vector512.Load(gradient);
                    a0 = Lanes.MultiplyAdd(Vector512.Create(own[0]), value, a0);
                    a1 = Lanes.MultiplyAdd(Vector512.Create(own[area]), value, a1);
                    a2 = Lanes.MultiplyAdd(Vector512.Create(own[2 * area]), value, a2);
                    a3 = Lanes.MultiplyAdd(Vector512.Create(own[3 * area]), value, a3);
                }
            }
        var to = w.Input + ((long)(c * s.Height + y) * s.Width + x) * batch + b;
        var next = (long)s.Height * s.Width * batch;
        a0.Store(to);
        a1.Store(to + next);
        a2.Store(to + 2 * next);
        a3.Store(to + 3 * next);
    }
}
