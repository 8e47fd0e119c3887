using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// Dropout on all threads. libtorch draws its random numbers one after the other; here one key gives the whole mask: an element is kept or
/// not by a hash of the key and its place in memory, so forward and backward compute the same mask and none is stored.
/// </summary>
internal static unsafe class DropoutKernel
{
    private const long Block = 1 << 14;

    private struct Work<T> where T : unmanaged
    {
        public T* Input;
        public T* Output;
        public long Count;
        public ulong Key;
        public uint Dropped;
        public T Scale;
    }

    /// <summary>output = input / (1 − p) where the element is kept, else input · 0, so that NaN stays; 0 ≤ p &lt; 1.</summary>
    public static void Apply<T>(T* input, T* output, long count, double p, ulong key) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = new Work<T>
        {
            Input = input, Output = output, Count = count, Key = key,
            Dropped = (uint)Math.Min(p * 4294967296.0, 4294967295.0), Scale = T.CreateTruncating(1 / (1 - p)),
        };
        KernelPool.For((count + Block - 1) / Block, 4, &Body<T>, &work);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Body<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = *(Work<T>*)state;
        var (scale, dropped) = (Vector512.Create(work.Scale), Vector512.Create(work.Dropped));
        for (var b = from; b < to; b++)
        {
            var first = b * Block;
            // Beyond 2³² elements the block's number changes the key, not the place.
            var key = work.Key + ((ulong)first >> 32) * 0x9e3779b97f4a7c15ul;
            var places = Vector512.Create((uint)first + (uint)key) + Vector512<uint>.Indices;
            var high = Vector512.Create((uint)(key >> 32));
            var end = Math.Min(work.Count, first + Block);
            for (var i = first; i < end; i += 16, places += Vector512.Create(16u))
            {
                var kept = Vector512.GreaterThanOrEqual(Mixed(Mixed(places) ^ high), dropped);
                if (typeof(T) == typeof(float))
                {
                    Lanes.Store(Lanes.Load(work.Input + i, end - i) * (scale & kept.As<uint, T>()), work.Output + i, end - i);
                    continue;
                }
                // Sixteen bits of mask for two vectors of eight doubles.
                var (lower, upper) = Vector512.Widen(kept.AsInt32());
                Lanes.Store(Lanes.Load(work.Input + i, end - i) * (scale & lower.As<long, T>()), work.Output + i, end - i);
                if (i + 8 < end)
                    Lanes.Store(
                        Lanes.Load(work.Input + i + 8, end - i - 8) * (scale & upper.As<long, T>()), work.Output + i + 8, end - i - 8);
            }
        }
    }

    // An integer hash: one changed bit of its argument changes every bit of its result with probability near one half
    // (constants: C. Wellons, hash-prospector).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Mixed(Vector512<uint> h)
    {
        h ^= h >>> 16;
        h *= Vector512.Create(0x21f0aaadu);
        h ^= h >>> 15;
        h *= Vector512.Create(0x735a2d97u);
        return h ^ (h >>> 15);
    }
}
