using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ConvexWeb.Training.Kernels;

/// <summary>Sizes of a locally connected layer: images [C, H, W] to [O, H', W'].</summary>
internal readonly record struct LocalShape(int In, int Height, int Width, int Out, int Kernel, int Stride, int Padding)
{
    public int OutHeight => (Height + 2 * Padding - Kernel) / Stride + 1;
    public int OutWidth => (Width + 2 * Padding - Kernel) / Stride + 1;
    public int Places => OutHeight * OutWidth;

    /// <summary>Values under a place.</summary>
    public int Filter => In * Kernel * Kernel;
}

/// <summary>
/// Locally connected layers over images that lie with the batch last in memory, [C·H·W, B]: a filter's value is then one number that
/// multiplies a row of the batch, and nothing has to be copied out from under the places. B is a multiple of <see cref="Block"/>.
/// </summary>
internal static unsafe class LocalKernel
{
    /// <summary>Images of a piece of work: 64, whose inputs stay in the second-level cache.</summary>
    public const int Block = 64;

    // Places of a piece of work, so that there are pieces enough for all threads.
    private const int Stretch = 16;

    private struct Work<T> where T : unmanaged
    {
        public LocalShape Shape;
        public T* Input, Weight, Output;
        public long Batch;
    }

    /// <summary>output [O·P, B] = Σ weight [P, O, C·k·k] · input [C·H·W, B]</summary>
    public static void Forward<T>(LocalShape shape, T* input, T* weight, T* output, long batch)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = new Work<T> { Shape = shape, Input = input, Weight = weight, Output = output, Batch = batch };
        KernelPool.For(batch / Block * Stretches(shape.Places), 1, &ForwardBody<T>, &work);
    }

    /// <summary>toWeight [P, O, C·k·k] = Σ over the batch of gradient [O·P, B] · input [C·H·W, B]</summary>
    public static void WeightGradient<T>(LocalShape shape, T* input, T* gradient, T* toWeight, long batch)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = new Work<T> { Shape = shape, Input = input, Weight = toWeight, Output = gradient, Batch = batch };
        KernelPool.For(shape.Places, 1, &WeightBody<T>, &work);
    }

    /// <summary>toInput [C·H·W, B] = Σ weight [P, O, C·k·k] · gradient [O·P, B]</summary>
    public static void InputGradient<T>(LocalShape shape, T* weight, T* gradient, T* toInput, long batch)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = new Work<T> { Shape = shape, Input = toInput, Weight = weight, Output = gradient, Batch = batch };
        KernelPool.For(batch / Block * Stretches(shape.Height * shape.Width), 1, &InputBody<T>, &work);
    }

    private static long Stretches(int places) => (places + Stretch - 1) / Stretch;

    // The part of a filter that lies inside the image, along one side.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (int From, int To) Inside(int start, int kernel, int size) => (Math.Max(0, -start), Math.Min(kernel, size - start));

    // Pieces run through the places of one block of images before the next block.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (long Image, int From, int To) Piece(long piece, int places)
    {
        var stretches = Stretches(places);
        var from = (int)(piece % stretches) * Stretch;
        return (piece / stretches * Block, from, Math.Min(places, from + Stretch));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardBody<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        for (var piece = from; piece < to; piece++)
        {
            var (image, first, end) = Piece(piece, w.Shape.Places);
            for (var p = first; p < end; p++)
            {
                var o = 0;
                for (; o + 4 <= w.Shape.Out; o += 4)
                    for (var b = 0; b < Block; b += 2 * Vector512<T>.Count) FourOutputs(w, p, o, image + b);
                for (; o < w.Shape.Out; o++)
                    for (var b = 0; b < Block; b += 2 * Vector512<T>.Count) OneOutput(w, p, o, image + b);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourOutputs<T>(Work<T> w, int p, int o, long b) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var s = w.Shape;
        var (top, left) = (p / s.OutWidth * s.Stride - s.Padding, p % s.OutWidth * s.Stride - s.Padding);
        var (u0, u1) = Inside(top, s.Kernel, s.Height);
        var (v0, v1) = Inside(left, s.Kernel, s.Width);
        var (filter, area, vector) = (s.Filter, s.Kernel * s.Kernel, Vector512<T>.Count);
        var weight = w.Weight + ((long)p * s.Out + o) * filter;
        Vector512<T> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        for (var c = 0; c < s.In; c++)
            for (var u = u0; u < u1; u++)
            {
                var row = w.Input + ((long)(c * s.Height + top + u) * s.Width + left) * w.Batch + b;
                var own = weight + c * area + u * s.Kernel;
                for (var v = v0; v < v1; v++)
                {
                    var (x0, x1) = (Vector512.Load(row + v * w.Batch), Vector512.Load(row + v * w.Batch + vector));
                    var k = Vector512.Create(own[v]);
                    (a0, a1) = (Lanes.MultiplyAdd(k, x0, a0), Lanes.MultiplyAdd(k, x1, a1));
                    k = Vector512.Create(own[v + filter]);
                    (b0, b1) = (Lanes.MultiplyAdd(k, x0, b0), Lanes.MultiplyAdd(k, x1, b1));
                    k = Vector512.Create(own[v + 2 * filter]);
                    (c0, c1) = (Lanes.MultiplyAdd(k, x0, c0), Lanes.MultiplyAdd(k, x1, c1));
                    k = Vector512.Create(own[v + 3 * filter]);
                    (d0, d1) = (Lanes.MultiplyAdd(k, x0, d0), Lanes.MultiplyAdd(k, x1, d1));
                }
            }
        var to = w.Output + ((long)o * s.Places + p) * w.Batch + b;
        var next = s.Places * w.Batch;
        a0.Store(to);
        a1.Store(to + vector);
        b0.Store(to + next);
        b1.Store(to + next + vector);
        c0.Store(to + 2 * next);
        c1.Store(to + 2 * next + vector);
        d0.Store(to + 3 * next);
        d1.Store(to + 3 * next + vector);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneOutput<T>(Work<T> w, int p, int o, long b) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var s = w.Shape;
        var (top, left) = (p / s.OutWidth * s.Stride - s.Padding, p % s.OutWidth * s.Stride - s.Padding);
        var (u0, u1) = Inside(top, s.Kernel, s.Height);
        var (v0, v1) = Inside(left, s.Kernel, s.Width);
        var (area, vector) = (s.Kernel * s.Kernel, Vector512<T>.Count);
        var weight = w.Weight + ((long)p * s.Out + o) * s.Filter;
        Vector512<T> a0 = default, a1 = default;
        for (var c = 0; c < s.In; c++)
            for (var u = u0; u < u1; u++)
            {
                var row = w.Input + ((long)(c * s.Height + top + u) * s.Width + left) * w.Batch + b;
                var own = weight + c * area + u * s.Kernel;
                for (var v = v0; v < v1; v++)
                {
                    var k = Vector512.Create(own[v]);
                    a0 = Lanes.MultiplyAdd(k, Vector512.Load(row + v * w.Batch), a0);
                    a1 = Lanes.MultiplyAdd(k, Vector512.Load(row + v * w.Batch + vector), a1);
                }
            }
        var to = w.Output + ((long)o * s.Places + p) * w.Batch + b;
        a0.Store(to);
        a1.Store(to + vector);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WeightBody<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        var s = w.Shape;
        var (vector, next) = (Vector512<T>.Count, s.Places * w.Batch);
        for (var p = (int)from; p < to; p++)
        {
            var (top, left) = (p / s.OutWidth * s.Stride - s.Padding, p % s.OutWidth * s.Stride - s.Padding);
            var (u0, u1) = Inside(top, s.Kernel, s.Height);
            var (v0, v1) = Inside(left, s.Kernel, s.Width);
            new Span<T>(w.Weight + (long)p * s.Out * s.Filter, s.Out * s.Filter).Clear(); // what looks beyond the edge has no gradient
            for (var o = 0; o < s.Out; o += 4)
            {
                var outputs = Math.Min(4, s.Out - o);
                // Where fewer are left, the last one is used in place of the others, and those sums are dropped.
                var g = w.Output + ((long)o * s.Places + p) * w.Batch;
                var g1 = g + Math.Min(1, outputs - 1) * next;
                var g2 = g + Math.Min(2, outputs - 1) * next;
                var g3 = g + Math.Min(3, outputs - 1) * next;
                for (var c = 0; c < s.In; c++)
                    for (var u = u0; u < u1; u++)
                        for (var v = v0; v < v1; v++)
                        {
                            var x = w.Input + ((long)(c * s.Height + top + u) * s.Width + left + v) * w.Batch;
                            Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default;
                            for (var b = 0L; b < w.Batch; b += vector)
                            {
                                var value = Vector512.Load(x + b);
                                s0 = Lanes.MultiplyAdd(value, Vector512.Load(g + b), s0);
                                if (outputs == 1) continue;
                                s1 = Lanes.MultiplyAdd(value, Vector512.Load(g1 + b), s1);
                                s2 = Lanes.MultiplyAdd(value, Vector512.Load(g2 + b), s2);
                                s3 = Lanes.MultiplyAdd(value, Vector512.Load(g3 + b), s3);
                            }
                            var own = w.Weight + ((long)p * s.Out + o) * s.Filter + (c * s.Kernel + u) * s.Kernel + v;
                            own[0] = Vector512.Sum(s0);
                            if (outputs > 1) own[s.Filter] = Vector512.Sum(s1);
                            if (outputs > 2) own[2 * s.Filter] = Vector512.Sum(s2);
                            if (outputs > 3) own[3 * s.Filter] = Vector512.Sum(s3);
                        }
            }
        }
    }

    // Each place of the input gathers from the outputs that look at it, so that no two threads write to one place.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InputBody<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        var s = w.Shape;
        for (var piece = from; piece < to; piece++)
        {
            var (image, first, end) = Piece(piece, s.Height * s.Width);
            for (var place = first; place < end; place++)
                for (var c = 0; c < s.In; c++)
                    for (var b = 0; b < Block; b += 2 * Vector512<T>.Count) Gather(w, place / s.Width, place % s.Width, c, image + b);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gather<T>(Work<T> w, int y, int x, int c, long b) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var s = w.Shape;
        var vector = Vector512<T>.Count;
        Vector512<T> a0 = default, a1 = default;
        for (var u = 0; u < s.Kernel; u++)
        {
            var row = y + s.Padding - u;
            if (row < 0 || row % s.Stride != 0 || row / s.Stride >= s.OutHeight) continue;
            for (var v = 0; v < s.Kernel; v++)
            {
                var column = x + s.Padding - v;
                if (column < 0 || column % s.Stride != 0 || column / s.Stride >= s.OutWidth) continue;
                var p = row / s.Stride * s.OutWidth + column / s.Stride;
                var weight = w.Weight + (long)p * s.Out * s.Filter + (c * s.Kernel + u) * s.Kernel + v;
                var gradient = w.Output + p * w.Batch + b;
                for (var o = 0; o < s.Out; o++)
                {
                    var k = Vector512.Create(weight[(long)o * s.Filter]);
                    a0 = Lanes.MultiplyAdd(k, Vector512.Load(gradient + o * s.Places * w.Batch), a0);
                    a1 = Lanes.MultiplyAdd(k, Vector512.Load(gradient + o * s.Places * w.Batch + vector), a1);
                }
            }
        }
        var to = w.Input + ((long)(c * s.Height + y) * s.Width + x) * w.Batch + b;
        a0.Store(to);
        a1.Store(to + vector);
    }
}
