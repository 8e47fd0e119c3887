using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// A batch of images with their channels last in memory, [N, H, W, C],
/// seen as tiles of 2 × 2 pixels; the last of a row or column may be cut.
/// </summary>
internal readonly struct Tiling(long batch, long height, long width)
{
    /// <summary>Tiles worked on together: what they become stays in the second-level cache between transform and product.</summary>
    public const int Chunk = 128;

    public long Height { get; } = height;

    public long Width { get; } = width;

    private readonly long columns = (width + 1) / 2;
    private readonly long perImage = (height + 1) / 2 * ((width + 1) / 2);

    public long Count { get; } = batch * ((height + 1) / 2) * ((width + 1) / 2);

    public long Chunks => (Count + Chunk - 1) / Chunk;

    public int SizeOf(long chunk) => (int)(Math.Min(Count, (chunk + 1) * Chunk) - chunk * Chunk);

    /// <summary>Image, first row and first column of a tile.</summary>
    public (long Image, long Row, long Column) At(long tile) => (tile / perImage, tile % perImage / columns * 2, tile % columns * 2);

    /// <summary>A pixel's channels, or <paramref name="outside"/> beyond the border.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe T* Pixel<T>(T* images, long image, long row, long column, long channels, T* outside) where T : unmanaged
        => (ulong)row >= (ulong)Height || (ulong)column >= (ulong)Width
            ? outside
            : images + ((image * Height + row) * Width + column) * channels;
}

/// <summary>
/// 3 × 3 convolutions with stride 1 and padding 1 by Winograd's minimal filtering F(2×2, 3×3) (Lavin and Gray, "Fast Algorithms for
/// Convolutional Neural Networks", CVPR 2016): 16 products for four pixels where the definition has 36, forward and for both gradients.
/// Bias and activation are in the same pass. The transforms only add and halve,
/// so the rounding is that of an ordinary convolution. Images are [N, H, W, C] in memory.
/// </summary>
internal static unsafe class WinogradKernel
{
    private const int Planes = 16;

    private struct Work<T> where T : unmanaged
    {
        public Tiling Tiling;
        public T* Input, Output, Bias;

        /// <summary>The filter as 9 taps [3, 3, C, K] and as 16 planes [16, C, K]; for gradients [threads, 16, C, K].</summary>
        public T* Taps, Filter;
        public int From, To;
        public int Threads;

        /// <summary>Room of each thread, <see cref="RoomPerThread"/> elements.</summary>
        public T* Rooms;

        public readonly long Size => (long)From * To;

        // Planes of inputs and of outputs for one chunk, and a pixel of each beyond the border.
        public readonly long RoomPerThread => (long)(Planes * Tiling.Chunk + 1) * (From + To);
    }

    /// <summary>output [N, H, W, K] = activation(input [N, H, W, C] ∗ taps [3, 3, C, K] + bias [K]).</summary>
    public static void Convolve<T, TActivation>(T* input, T* taps, T* bias, T* output, Tiling tiling, int from, int to)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        var work = Prepare(input, taps, tiling, from, to);
        work.Bias = bias;
        work.Output = output;
        work.Filter = (T*)NativeMemory.Alloc((nuint)(Planes * work.Size * sizeof(T)));
        KernelPool.For(work.Size / Vector512<T>.Count + 1, 256, &FilterPlanes<T>, &work);
        KernelPool.For(tiling.Chunks, 1, &Convolution<T, TActivation>, &work);
        NativeMemory.Free(work.Filter);
        NativeMemory.Free(work.Rooms);
    }

    /// <summary>The gradient of the taps, [3, 3, C, K], from the input [N, H, W, C] and the gradient of the output [N, H, W, K].</summary>
    public static void FilterGradient<T>(T* input, T* gradient, T* taps, Tiling tiling, int from, int to)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = Prepare(input, taps, tiling, from, to);
        work.Output = gradient;
        work.Filter = (T*)NativeMemory.AllocZeroed((nuint)(work.Threads * Planes * work.Size * sizeof(T)));
        KernelPool.For(tiling.Chunks, 1, &GradientPlanes<T>, &work);
        KernelPool.For(work.Size / Vector512<T>.Count + 1, 256, &GradientTaps<T>, &work);
        NativeMemory.Free(work.Filter);
        NativeMemory.Free(work.Rooms);
    }

    private static Work<T> Prepare<T>(T* input, T* taps, Tiling tiling, int from, int to) where T : unmanaged
    {
        var work = new Work<T> { Tiling = tiling, Input = input, Taps = taps, From = from, To = to, Threads = KernelPool.Threads };
        work.Rooms = (T*)NativeMemory.Alloc((nuint)(work.Threads * work.RoomPerThread * sizeof(T)));
        return work;
    }

    // ---- loops over tiles -----------------------------------------------------------------------------------------------------

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Convolution<T, TActivation>(void* state, long from, long to, int thread)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        var w = *(Work<T>*)state;
        T* inputs = w.Rooms + thread * w.RoomPerThread, outputs = inputs + (long)Planes * Tiling.Chunk * w.From;
        T* zeros = outputs + (long)Planes * Tiling.Chunk * w.To, beyond = zeros + w.From;
        new Span<T>(zeros, w.From).Clear();
        var places = stackalloc T*[4];
        for (var chunk = from; chunk < to; chunk++)
        {
            var size = w.Tiling.SizeOf(chunk);
            ReadInputs(w, chunk, zeros, inputs);
            for (var p = 0; p < Planes; p++)
                Gemm.Multiply(false, size, w.To, w.From, inputs + (long)p * Tiling.Chunk * w.From, w.Filter + p * w.Size, T.Zero,
                    outputs + (long)p * Tiling.Chunk * w.To);
            for (var t = 0; t < size; t++)
            {
                var (image, row, column) = w.Tiling.At(chunk * Tiling.Chunk + t);
                for (var i = 0; i < 4; i++) places[i] = w.Tiling.Pixel(w.Output, image, row + i / 2, column + i % 2, w.To, beyond);
                OutputOf<T, TActivation>(outputs + (long)t * w.To, (long)Tiling.Chunk * w.To, places, w.Bias, w.To);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GradientPlanes<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        T* inputs = w.Rooms + thread * w.RoomPerThread, gradients = inputs + (long)Planes * Tiling.Chunk * w.From;
        T* zeros = gradients + (long)Planes * Tiling.Chunk * w.To, own = w.Filter + thread * Planes * w.Size;
        new Span<T>(zeros, w.From + w.To).Clear();
        var places = stackalloc T*[4];
        for (var chunk = from; chunk < to; chunk++)
        {
            var size = w.Tiling.SizeOf(chunk);
            ReadInputs(w, chunk, zeros, inputs);
            for (var t = 0; t < size; t++)
            {
                var (image, row, column) = w.Tiling.At(chunk * Tiling.Chunk + t);
                for (var i = 0; i < 4; i++) places[i] = w.Tiling.Pixel(w.Output, image, row + i / 2, column + i % 2, w.To, zeros + w.From);
                GradientOf(places, gradients + (long)t * w.To, (long)Tiling.Chunk * w.To, w.To);
            }
            for (var p = 0; p < Planes; p++)
                Gemm.Multiply(true, w.From, w.To, size, inputs + (long)p * Tiling.Chunk * w.From, gradients + (long)p * Tiling.Chunk * w.To,
                    T.One, own + p * w.Size);
        }
    }

    private static void ReadInputs<T>(in Work<T> w, long chunk, T* zeros, T* planes) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var d = stackalloc T*[16];
        var size = w.Tiling.SizeOf(chunk);
        for (var t = 0; t < size; t++)
        {
            var (image, row, column) = w.Tiling.At(chunk * Tiling.Chunk + t);
            for (var i = 0; i < 16; i++) d[i] = w.Tiling.Pixel(w.Input, image, row - 1 + i / 4, column - 1 + i % 4, w.From, zeros);
            InputOf(d, planes + (long)t * w.From, (long)Tiling.Chunk * w.From, w.From);
        }
    }

    private static void FilterPlanes<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        for (var c = from * Vector512<T>.Count; c < Math.Min(w.Size, to * Vector512<T>.Count); c += Vector512<T>.Count)
            FilterOf(w.Taps, w.Filter, w.Size, c);
    }

    private static void GradientTaps<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        for (var c = from * Vector512<T>.Count; c < Math.Min(w.Size, to * Vector512<T>.Count); c += Vector512<T>.Count)
            TapsOf(w.Filter, w.Taps, w.Size, w.Threads, c);
    }

    // ---- transforms of one tile, or of one vector of filters --------------------------------------------------------------------

    // Bᵀ d B of the 4 × 4 pixels around a tile, for every channel; plane p of the result at output + p · stride.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InputOf<T>(T** d, T* output, long stride, long channels) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (var c = 0L; c < channels; c += Vector512<T>.Count)
        {
            var count = channels - c;
            var (a0, b0, c0, d0) = Column(d, 0, c, count);
            var (a1, b1, c1, d1) = Column(d, 1, c, count);
            var (a2, b2, c2, d2) = Column(d, 2, c, count);
            var (a3, b3, c3, d3) = Column(d, 3, c, count);
            Row(a0, a1, a2, a3, output + c, stride, count);
            Row(b0, b1, b2, b3, output + 4 * stride + c, stride, count);
            Row(c0, c1, c2, c3, output + 8 * stride + c, stride, count);
            Row(d0, d1, d2, d3, output + 12 * stride + c, stride, count);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static (Vector512<T>, Vector512<T>, Vector512<T>, Vector512<T>) Column(T** d, int j, long c, long count)
        {
            Vector512<T> a = Lanes.Load(d[j] + c, count), b = Lanes.Load(d[4 + j] + c, count);
            Vector512<T> e = Lanes.Load(d[8 + j] + c, count), f = Lanes.Load(d[12 + j] + c, count);
            return (a - e, b + e, e - b, b - f);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Row(Vector512<T> a, Vector512<T> b, Vector512<T> e, Vector512<T> f, T* to, long stride, long count)
        {
            Lanes.Store(a - e, to, count);
            Lanes.Store(b + e, to + stride, count);
            Lanes.Store(e - b, to + 2 * stride, count);
            Lanes.Store(b - f, to + 3 * stride, count);
        }
    }

    // Aᵀ m A, bias and activation: 16 planes become the tile's 2 × 2 pixels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OutputOf<T, TActivation>(T* m, long stride, T** y, T* bias, long channels)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        for (var c = 0L; c < channels; c += Vector512<T>.Count)
        {
            var count = channels - c;
            var (a0, b0) = Column(m, 0, stride, c, count);
            var (a1, b1) = Column(m, 1, stride, c, count);
            var (a2, b2) = Column(m, 2, stride, c, count);
            var (a3, b3) = Column(m, 3, stride, c, count);
            var start = Lanes.Load(bias + c, count);
            Lanes.Store(TActivation.Value(a0 + a1 + a2 + start), y[0] + c, count);
            Lanes.Store(TActivation.Value(a1 - a2 - a3 + start), y[1] + c, count);
            Lanes.Store(TActivation.Value(b0 + b1 + b2 + start), y[2] + c, count);
            Lanes.Store(TActivation.Value(b1 - b2 - b3 + start), y[3] + c, count);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static (Vector512<T>, Vector512<T>) Column(T* m, int j, long stride, long c, long count)
        {
            Vector512<T> a = Lanes.Load(m + j * stride + c, count), b = Lanes.Load(m + (4 + j) * stride + c, count);
            Vector512<T> e = Lanes.Load(m + (8 + j) * stride + c, count), f = Lanes.Load(m + (12 + j) * stride + c, count);
            return (a + b + e, b - e - f);
        }
    }

    // A g Aᵀ: the gradient of a tile's 2 × 2 pixels as 16 planes.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GradientOf<T>(T** g, T* output, long stride, long channels) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (var c = 0L; c < channels; c += Vector512<T>.Count)
        {
            var count = channels - c;
            Vector512<T> a = Lanes.Load(g[0] + c, count), b = Lanes.Load(g[1] + c, count);
            Vector512<T> e = Lanes.Load(g[2] + c, count), f = Lanes.Load(g[3] + c, count);
            Row(a, b, output + c, stride, count);
            Row(a + e, b + f, output + 4 * stride + c, stride, count);
            Row(a - e, b - f, output + 8 * stride + c, stride, count);
            Row(-e, -f, output + 12 * stride + c, stride, count);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Row(Vector512<T> a, Vector512<T> b, T* to, long stride, long count)
        {
            Lanes.Store(a, to, count);
            Lanes.Store(a + b, to + stride, count);
            Lanes.Store(a - b, to + 2 * stride, count);
            Lanes.Store(-b, to + 3 * stride, count);
        }
    }

    // G w Gᵀ, for a vector of filters at c: 9 taps become 16 planes, each n apart.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FilterOf<T>(T* w, T* output, long n, long c) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var count = n - c;
        var half = Vector512.Create(T.CreateTruncating(0.5));
        var (a0, b0, c0, d0) = Column(w, 0, n, c, half);
        var (a1, b1, c1, d1) = Column(w, 1, n, c, half);
        var (a2, b2, c2, d2) = Column(w, 2, n, c, half);
        Row(a0, a1, a2, output + c, n, count, half);
        Row(b0, b1, b2, output + 4 * n + c, n, count, half);
        Row(c0, c1, c2, output + 8 * n + c, n, count, half);
        Row(d0, d1, d2, output + 12 * n + c, n, count, half);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static (Vector512<T>, Vector512<T>, Vector512<T>, Vector512<T>) Column(T* w, int j, long n, long c, Vector512<T> half)
        {
            Vector512<T> a = Lanes.Load(w + j * n + c, n - c), b = Lanes.Load(w + (3 + j) * n + c, n - c);
            Vector512<T> e = Lanes.Load(w + (6 + j) * n + c, n - c);
            return (a, half * (a + b + e), half * (a - b + e), e);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Row(Vector512<T> a, Vector512<T> b, Vector512<T> e, T* to, long n, long count, Vector512<T> half)
        {
            Lanes.Store(a, to, count);
            Lanes.Store(half * (a + b + e), to + n, count);
            Lanes.Store(half * (a - b + e), to + 2 * n, count);
            Lanes.Store(e, to + 3 * n, count);
        }
    }

    // Gᵀ u G, the way back: the threads' sums of 16 planes become 9 taps.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TapsOf<T>(T* u, T* w, long n, int threads, long c) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var count = n - c;
        var half = Vector512.Create(T.CreateTruncating(0.5));
        var (a0, b0, c0) = Column(u, 0, n, threads, c, half);
        var (a1, b1, c1) = Column(u, 1, n, threads, c, half);
        var (a2, b2, c2) = Column(u, 2, n, threads, c, half);
        var (a3, b3, c3) = Column(u, 3, n, threads, c, half);
        Row(a0, a1, a2, a3, w + c, n, count, half);
        Row(b0, b1, b2, b3, w + 3 * n + c, n, count, half);
        Row(c0, c1, c2, c3, w + 6 * n + c, n, count, half);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> Plane(T* u, int p, long n, int threads, long c)
        {
            var sum = Lanes.Load(u + p * n + c, n - c);
            for (var k = 1; k < threads; k++) sum += Lanes.Load(u + ((long)k * Planes + p) * n + c, n - c);
            return sum;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static (Vector512<T>, Vector512<T>, Vector512<T>) Column(T* u, int j, long n, int threads, long c, Vector512<T> half)
        {
            Vector512<T> a = Plane(u, j, n, threads, c), b = Plane(u, 4 + j, n, threads, c);
            Vector512<T> e = Plane(u, 8 + j, n, threads, c), f = Plane(u, 12 + j, n, threads, c);
            return (a + half * (b + e), half * (b - e), half * (b + e) + f);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Row(Vector512<T> a, Vector512<T> b, Vector512<T> e, Vector512<T> f, T* to, long n, long count, Vector512<T> half)
        {
            Lanes.Store(a + half * (b + e), to, count);
            Lanes.Store(half * (b - e), to + n, count);
            Lanes.Store(half * (b + e) + f, to + 2 * n, count);
        }
    }
}
