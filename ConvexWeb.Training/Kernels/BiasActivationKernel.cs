using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ConvexWeb.Training.Kernels;

/// <summary>The backward pass of an activation and of the bias before it, over rows of channels.</summary>
internal static unsafe class BiasActivationKernel
{
    // Rows of which a sum is taken in the element's own type.
    private const long Stretch = 64;

    private struct Work<T> where T : unmanaged
    {
        public T* Gradient, Output, Before;
        public long Rows, Channels;

        /// <summary>[threads, C], the sums of each thread; and room for one stretch each.</summary>
        public double* Sums;
        public T* Rooms;
    }

    /// <summary>before [rows, C] = gradient · slope(output), and toBias [C] = its sum over rows.</summary>
    public static void Backward<T, TActivation>(T* gradient, T* output, T* before, T* toBias, long rows, long channels)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        var threads = KernelPool.Threads;
        var work = new Work<T> { Gradient = gradient, Output = output, Before = before, Rows = rows, Channels = channels };
        work.Sums = (double*)NativeMemory.AllocZeroed((nuint)(threads * channels * sizeof(double)));
        work.Rooms = (T*)NativeMemory.Alloc((nuint)(threads * channels * sizeof(T)));
        KernelPool.For((rows + Stretch - 1) / Stretch, 8, &Body<T, TActivation>, &work);
        for (var c = 0L; c < channels; c++)
        {
            var sum = 0.0;
            for (var t = 0; t < threads; t++) sum += work.Sums[t * channels + c];
            toBias[c] = T.CreateTruncating(sum);
        }
        NativeMemory.Free(work.Sums);
        NativeMemory.Free(work.Rooms);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Body<T, TActivation>(void* state, long from, long to, int thread)
        where T : unmanaged, IFloatingPointIeee754<T> where TActivation : IActivation
    {
        var w = *(Work<T>*)state;
        var sums = w.Sums + thread * w.Channels;
        var own = w.Rooms + thread * w.Channels;
        for (var s = from; s < to; s++)
        {
            new Span<T>(own, (int)w.Channels).Clear();
            var end = Math.Min(w.Rows, (s + 1) * Stretch);
            for (var r = s * Stretch; r < end; r++)
            {
                for (var c = 0L; c < w.Channels; c += Vector512<T>.Count)
                {
                    var (at, count) = (r * w.Channels + c, w.Channels - c);
                    var d = Lanes.Load(w.Gradient + at, count) * TActivation.Slope(Lanes.Load(w.Output + at, count));
                    Lanes.Store(d, w.Before + at, count);
                    Lanes.Store(Lanes.Load(own + c, count) + d, own + c, count);
                }
            }
            for (var c = 0L; c < w.Channels; c++) sums[c] += double.CreateTruncating(own[c]);
        }
    }
}
