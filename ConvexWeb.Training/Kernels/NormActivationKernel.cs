using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ConvexWeb.Training.Kernels;

/// <summary>A batch, its batch normalisation and what the gradients need of it. Pointers are to dense elements of one type.</summary>
internal unsafe struct NormBatch<T> where T : unmanaged
{
    public NormLayout Layout;

    /// <summary>Samples (planes), or rows.</summary>
    public long Rows;
    public long Channels;

    /// <summary>Places of a channel in one sample; 1 unless the layout is planes.</summary>
    public long Places;
    public T* Input, Output, Gradient, ToInput;

    /// <summary>[C] each: scale, shift, and their gradients.</summary>
    public T* Gamma, Beta, ToGamma, ToBeta;

    /// <summary>[C] each: the batch's mean and 1/√(variance + eps), in double precision.</summary>
    public double* Mean, Inverse;
    public double Eps;

    public readonly double Count => (double)Rows * Places;
}

/// <summary>
/// Batch normalisation with the activation behind it in one pass, which costs libtorch several over memory. Sums are taken in the element's
/// own type over short stretches and joined in double precision,
/// as in Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983).
/// </summary>
internal static unsafe class NormActivationKernel
{
    // Rows of which a sum is taken in the element's own type.
    private const long Stretch = 64;

    private struct Work<T> where T : unmanaged
    {
        public NormBatch<T> Batch;

        /// <summary>[threads, 2, C]: sums of each thread.</summary>
        public double* Parts;

        /// <summary>[threads]: rows that each thread has seen.</summary>
        public long* Seen;

        /// <summary>[4, C]: factors of the second pass.</summary>
        public T* Factors;
    }

    /// <summary>output = activation(gamma · (input − mean) · inverse + beta); fills mean and inverse.</summary>
    public static void Forward<T, TActivation>(in NormBatch<T> batch)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        if (batch.Layout == NormLayout.Planes)
        {
            fixed (NormBatch<T>* work = &batch) KernelPool.For(batch.Channels, 1, &ForwardPlanes<T, TActivation>, work);
            return;
        }
        using var room = new Room<T>(batch.Channels);
        var rows = room.Work(batch);
        Split(batch, &MomentsOfRows<T>, &rows);
        Variances(rows);
        Split(batch, &ApplyToRows<T, TActivation>, &rows);
    }

    /// <summary>
    /// From the gradient behind the activation to those of input, gamma and beta;
    /// reads input, output, mean and inverse of the forward pass.
    /// </summary>
    public static void Backward<T, TActivation>(in NormBatch<T> batch)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        if (batch.Layout == NormLayout.Planes)
        {
            fixed (NormBatch<T>* work = &batch) KernelPool.For(batch.Channels, 1, &BackwardPlanes<T, TActivation>, work);
            return;
        }
        using var room = new Room<T>(batch.Channels);
        var rows = room.Work(batch);
        Means(rows);
        Split(batch, &GradientSumsOfRows<T, TActivation>, &rows);
        Gradients(rows);
        Split(batch, &GradientOfRows<T, TActivation>, &rows);
    }

    /// <summary>Moves running mean and variance [C] towards those of the batch, the variance unbiased, as PyTorch does.</summary>
    public static void MoveRunning<T>(in NormBatch<T> batch, double momentum, T* mean, T* variance)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var unbiased = batch.Count / Math.Max(1, batch.Count - 1);
        for (var c = 0L; c < batch.Channels; c++)
        {
            var spread = 1 / (batch.Inverse[c] * batch.Inverse[c]) - batch.Eps;
            if (spread < 0) spread = 0;
            mean[c] = T.CreateTruncating((1 - momentum) * double.CreateTruncating(mean[c]) + momentum * batch.Mean[c]);
            variance[c] = T.CreateTruncating((1 - momentum) * double.CreateTruncating(variance[c]) + momentum * spread * unbiased);
        }
    }

    private static void Split<T>(in NormBatch<T> batch, delegate*<void*, long, long, int, void> body, void* state) where T : unmanaged
        => KernelPool.For((batch.Rows + Stretch - 1) / Stretch, 2, body, state);

    // The rows of a share of stretches.
    private static (long Row, long RowEnd) Part<T>(in NormBatch<T> b, long from, long to) where T : unmanaged
        => (from * Stretch, Math.Min(b.Rows, to * Stretch));

    // ---- planes: a channel at a time ----------------------------------------------------------------------------------------

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardPlanes<T, TActivation>(void* state, long from, long to, int thread)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        var b = *(NormBatch<T>*)state;
        for (var c = from; c < to; c++)
        {
            double sum = 0, squares = 0;
            for (var n = 0L; n < b.Rows; n++)
            {
                var (s, q) = Moments(b.Input + (n * b.Channels + c) * b.Places, b.Places);
                var before = (double)n * b.Places;
                var apart = n == 0 ? 0 : s / b.Places - sum / before;
                squares += q + apart * apart * before * b.Places / (before + b.Places);
                sum += s;
            }
            var mean = b.Mean[c] = sum / b.Count;
            var inverse = b.Inverse[c] = 1 / Math.Sqrt(squares / b.Count + b.Eps);
            var a = double.CreateTruncating(b.Gamma[c]) * inverse;
            var scale = Vector512.Create(T.CreateTruncating(a));
            var shift = Vector512.Create(T.CreateTruncating(double.CreateTruncating(b.Beta[c]) - mean * a));
            for (var n = 0L; n < b.Rows; n++)
            {
                var at = (n * b.Channels + c) * b.Places;
                for (var i = 0L; i < b.Places; i += Vector512<T>.Count)
                    Lanes.Store(
                        TActivation.Value(scale * Lanes.Load(b.Input + at + i, b.Places - i) + shift), b.Output + at + i, b.Places - i);
            }
        }
    }

    // Σ x, and Σ (x − m)² about the stretch's own mean m; the second look finds the elements in the cache.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (double Sum, double Squares) Moments<T>(T* x, long n) where T : unmanaged, IFloatingPointIeee754<T>
    {
        long lanes = Vector512<T>.Count, whole = n / (2 * lanes) * (2 * lanes);
        Vector512<T> s = default, t = default;
        for (var i = 0L; i < whole; i += 2 * lanes)
        {
            s += Vector512.Load(x + i);
            t += Vector512.Load(x + i + lanes);
        }
        var sum = Lanes.Total(s + t);
        for (var i = whole; i < n; i++) sum += double.CreateTruncating(x[i]);
        var middle = T.CreateTruncating(sum / n);
        var m = Vector512.Create(middle);
        s = t = default;
        for (var i = 0L; i < whole; i += 2 * lanes)
        {
            var d = Vector512.Load(x + i) - m;
            var e = Vector512.Load(x + i + lanes) - m;
            s += d * d;
            t += e * e;
        }
        var squares = Lanes.Total(s + t);
        for (var i = whole; i < n; i++) squares += double.CreateTruncating((x[i] - middle) * (x[i] - middle));
        // The mean was rounded; its square is taken out again. NaN goes through.
        var rounding = sum / n - double.CreateTruncating(middle);
        squares -= n * rounding * rounding;
        return (sum, squares < 0 ? 0 : squares);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardPlanes<T, TActivation>(void* state, long from, long to, int thread)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        var b = *(NormBatch<T>*)state;
        for (var c = from; c < to; c++)
        {
            var mean = Vector512.Create(T.CreateTruncating(b.Mean[c]));
            double sum = 0, product = 0;
            for (var n = 0L; n < b.Rows; n++)
            {
                var at = (n * b.Channels + c) * b.Places;
                Vector512<T> s = default, p = default;
                for (var i = 0L; i < b.Places; i += Vector512<T>.Count)
                {
                    // Beyond the end the gradient is read as zero and adds nothing.
                    var d = Lanes.Load(b.Gradient + at + i, b.Places - i) * TActivation.Slope(Lanes.Load(b.Output + at + i, b.Places - i));
                    s += d;
                    p += d * (Lanes.Load(b.Input + at + i, b.Places - i) - mean);
                }
                sum += Lanes.Total(s);
                product += Lanes.Total(p);
            }
            var inverse = b.Inverse[c];
            b.ToBeta[c] = T.CreateTruncating(sum);
            b.ToGamma[c] = T.CreateTruncating(product * inverse);
            var a = Vector512.Create(T.CreateTruncating(double.CreateTruncating(b.Gamma[c]) * inverse));
            var level = Vector512.Create(T.CreateTruncating(sum / b.Count));
            var tilt = Vector512.Create(T.CreateTruncating(product * inverse * inverse / b.Count));
            for (var n = 0L; n < b.Rows; n++)
            {
                var at = (n * b.Channels + c) * b.Places;
                for (var i = 0L; i < b.Places; i += Vector512<T>.Count)
                {
                    var d = Lanes.Load(b.Gradient + at + i, b.Places - i) * TActivation.Slope(Lanes.Load(b.Output + at + i, b.Places - i));
                    Lanes.Store(
                        a * (d - level - (Lanes.Load(b.Input + at + i, b.Places - i) - mean) * tilt), b.ToInput + at + i, b.Places - i);
                }
            }
        }
    }

    // ---- rows of channels: images with their channels last, and tokens ------------------------------------------------------

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MomentsOfRows<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = (Work<T>*)state;
        var (row, rowEnd) = Part(w->Batch, from, to);
        var stride = w->Batch.Channels;
        double* means = w->Parts + thread * 2 * stride, squares = means + stride;
        for (var begin = row; begin < rowEnd; begin += Stretch)
        {
            var end = Math.Min(rowEnd, begin + Stretch);
            double n = end - begin, before = begin - row;
            var share = n / (before + n);
            for (var c = 0L; c < stride; c += Vector512<T>.Count)
            {
                var count = stride - c;
                Vector512<T> s = default, q = default;
                for (var r = begin; r < end; r++) s += Lanes.Load(w->Batch.Input + r * stride + c, count);
                var m = s / Vector512.Create(T.CreateTruncating(n));
                for (var r = begin; r < end; r++)
                {
                    var d = Lanes.Load(w->Batch.Input + r * stride + c, count) - m;
                    q += d * d;
                }
                for (var i = 0; i < Math.Min(count, Vector512<T>.Count); i++)
                {
                    var apart = double.CreateTruncating(m[i]) - means[c + i];
                    squares[c + i] += double.CreateTruncating(q[i]) + apart * apart * before * share;
                    means[c + i] += apart * share;
                }
            }
        }
        w->Seen[thread] = rowEnd - row;
    }

    // Joins the threads' means and squares; then the factors of output = a · input + b.
    private static void Variances<T>(in Work<T> w) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var b = w.Batch;
        var parts = KernelPool.Threads;
        T* scale = w.Factors, shift = scale + b.Channels;
        for (var c = 0L; c < b.Channels; c++)
        {
            double mean = w.Parts[c], squares = w.Parts[b.Channels + c], n = w.Seen[0];
            for (var t = 1; t < parts; t++)
            {
                if (w.Seen[t] == 0) continue;
                double* part = w.Parts + t * 2 * b.Channels;
                var apart = part[c] - mean;
                var share = w.Seen[t] / (n + w.Seen[t]);
                squares += part[b.Channels + c] + apart * apart * n * share;
                mean += apart * share;
                n += w.Seen[t];
            }
            b.Mean[c] = mean;
            b.Inverse[c] = 1 / Math.Sqrt(squares / b.Rows + b.Eps);
            var a = double.CreateTruncating(b.Gamma[c]) * b.Inverse[c];
            scale[c] = T.CreateTruncating(a);
            shift[c] = T.CreateTruncating(double.CreateTruncating(b.Beta[c]) - mean * a);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ApplyToRows<T, TActivation>(void* state, long from, long to, int thread)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        var w = *(Work<T>*)state;
        var (row, rowEnd) = Part(w.Batch, from, to);
        var stride = w.Batch.Channels;
        T* scale = w.Factors, shift = scale + stride;
        for (var r = row; r < rowEnd; r++)
        {
            T* input = w.Batch.Input + r * stride, output = w.Batch.Output + r * stride;
            for (var c = 0L; c < stride; c += Vector512<T>.Count)
            {
                var count = stride - c;
                Lanes.Store(TActivation.Value(Lanes.Load(scale + c, count) * Lanes.Load(input + c, count) + Lanes.Load(shift + c, count)),
                    output + c, count);
            }
        }
    }

    private static void Means<T>(in Work<T> w) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (var c = 0L; c < w.Batch.Channels; c++) w.Factors[c] = T.CreateTruncating(w.Batch.Mean[c]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GradientSumsOfRows<T, TActivation>(void* state, long from, long to, int thread)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        var w = *(Work<T>*)state;
        var (row, rowEnd) = Part(w.Batch, from, to);
        var stride = w.Batch.Channels;
        double* sums = w.Parts + thread * 2 * stride, products = sums + stride;
        for (var begin = row; begin < rowEnd; begin += Stretch)
        {
            var end = Math.Min(rowEnd, begin + Stretch);
            for (var c = 0L; c < stride; c += Vector512<T>.Count)
            {
                var count = stride - c;
                var mean = Lanes.Load(w.Factors + c, count);
                Vector512<T> s = default, p = default;
                for (var r = begin; r < end; r++)
                {
                    var at = r * stride + c;
                    var d = Lanes.Load(w.Batch.Gradient + at, count) * TActivation.Slope(Lanes.Load(w.Batch.Output + at, count));
                    s += d;
                    p += d * (Lanes.Load(w.Batch.Input + at, count) - mean);
                }
                for (var i = 0; i < Math.Min(count, Vector512<T>.Count); i++)
                {
                    sums[c + i] += double.CreateTruncating(s[i]);
                    products[c + i] += double.CreateTruncating(p[i]);
                }
            }
        }
    }

    // Joins the threads' sums into the gradients of scale and shift; then the factors of the input's gradient.
    private static void Gradients<T>(in Work<T> w) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var b = w.Batch;
        var parts = KernelPool.Threads;
        T* a = w.Factors + b.Channels, level = a + b.Channels, tilt = level + b.Channels;
        for (var c = 0L; c < b.Channels; c++)
        {
            double sum = 0, product = 0, inverse = b.Inverse[c];
            for (var t = 0; t < parts; t++)
            {
                sum += w.Parts[t * 2 * b.Channels + c];
                product += w.Parts[(t * 2 + 1) * b.Channels + c];
            }
            b.ToBeta[c] = T.CreateTruncating(sum);
            b.ToGamma[c] = T.CreateTruncating(product * inverse);
            a[c] = T.CreateTruncating(double.CreateTruncating(b.Gamma[c]) * inverse);
            level[c] = T.CreateTruncating(sum / b.Rows);
            tilt[c] = T.CreateTruncating(product * inverse * inverse / b.Rows);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GradientOfRows<T, TActivation>(void* state, long from, long to, int thread)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        var w = *(Work<T>*)state;
        var (row, rowEnd) = Part(w.Batch, from, to);
        var stride = w.Batch.Channels;
        T* mean = w.Factors, a = mean + stride, level = a + stride, tilt = level + stride;
        for (var r = row; r < rowEnd; r++)
        {
            for (var c = 0L; c < stride; c += Vector512<T>.Count)
            {
                var (at, count) = (r * stride + c, stride - c);
                var d = Lanes.Load(w.Batch.Gradient + at, count) * TActivation.Slope(Lanes.Load(w.Batch.Output + at, count));
                var tilted = (Lanes.Load(w.Batch.Input + at, count) - Lanes.Load(mean + c, count)) * Lanes.Load(tilt + c, count);
                Lanes.Store(Lanes.Load(a + c, count) * (d - Lanes.Load(level + c, count) - tilted), w.Batch.ToInput + at, count);
            }
        }
    }

    /// <summary>Memory of one call, zero at first.</summary>
    private readonly ref struct Room<T>(long channels) where T : unmanaged
    {
        private readonly void* parts = NativeMemory.AllocZeroed((nuint)(KernelPool.Threads * (2 * channels + 1) * sizeof(double)));
        private readonly void* factors = NativeMemory.Alloc((nuint)(4 * channels * sizeof(T)));

        public Work<T> Work(in NormBatch<T> batch)
            => new()
            {
                Batch = batch,
                Parts = (double*)parts,
                Seen = (long*)parts + KernelPool.Threads * 2 * channels,
                Factors = (T*)factors,
            };

        public void Dispose()
        {
            NativeMemory.Free(parts);
            NativeMemory.Free(factors);
        }
    }
}
