using System.Runtime.CompilerServices;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// The channel shifts of CycleMLP as one copy: three channels take turns,
/// from their own place, from the next, from the one before; zeros at the border.
/// </summary>
internal static unsafe class CycleShiftKernel
{
    private struct Work<T> where T : unmanaged
    {
        public T* Input;
        public T* Output;
        public T* Nothing;
        public long Channels, Height, Width;
        public bool AlongRow;
        public int Direction;
    }

    /// <summary>
    /// output[n, c, y, x] = input[n, c, y, x + direction · offset(c)] along a row (or, with <paramref name="alongRow"/> false, a column),
    /// where offset(c) = ((c + 1) mod 3) − 1; direction −1 is the gradient's way.
    /// </summary>
    /// <param name="channelsLast">Whether elements lie as [N, H, W, C] in memory, or as [N, C, H, W].</param>
    public static void Apply<T>(
        T* input, T* output, long batch, long channels, long height, long width, bool channelsLast, bool alongRow, int direction)
        where T : unmanaged
    {
        var work = new Work<T>
        {
            Input = input,
            Output = output,
            Channels = channels,
            Height = height,
            Width = width,
            AlongRow = alongRow,
            Direction = direction,
        };
        if (!channelsLast)
        {
            KernelPool.For(batch * channels, 8, &Planes<T>, &work);
            return;
        }
        var nothing = stackalloc T[(int)channels];
        new Span<T>(nothing, (int)channels).Clear();
        work.Nothing = nothing;
        KernelPool.For(batch * height, 4, &Pixels<T>, &work);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Planes<T>(void* state, long from, long to, int thread) where T : unmanaged
    {
        var w = *(Work<T>*)state;
        for (var p = from; p < to; p++)
        {
            var offset = w.Direction * ((p % w.Channels + 1) % 3 - 1);
            T* input = w.Input + p * w.Height * w.Width, output = w.Output + p * w.Height * w.Width;
            for (var y = 0L; y < w.Height; y++)
            {
                var row = new Span<T>(output + y * w.Width, (int)w.Width);
                var source = w.AlongRow ? y : y + offset;
                if (source < 0 || source >= w.Height)
                {
                    row.Clear();
                    continue;
                }
                var read = new ReadOnlySpan<T>(input + source * w.Width, (int)w.Width);
                if (!w.AlongRow || offset == 0) read.CopyTo(row);
                else if (offset > 0)
                {
                    read[1..].CopyTo(row);
                    row[^1] = default;
                }
                else
                {
                    read[..^1].CopyTo(row[1..]);
                    row[0] = default;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pixels<T>(void* state, long from, long to, int thread) where T : unmanaged
    {
        var w = *(Work<T>*)state;
        var length = w.AlongRow ? w.Width : w.Height;
        var step = (w.AlongRow ? 1 : w.Width) * w.Channels;
        for (var r = from; r < to; r++)
        {
            for (var x = 0L; x < w.Width; x++)
            {
                var at = (r * w.Width + x) * w.Channels;
                var place = w.AlongRow ? x : r % w.Height;
                T* own = w.Input + at, output = w.Output + at;
                var next = place + w.Direction < 0 || place + w.Direction >= length ? w.Nothing : own + w.Direction * step;
                var before = place - w.Direction < 0 || place - w.Direction >= length ? w.Nothing : own - w.Direction * step;
                var c = 0L;
                for (; c + 3 <= w.Channels; c += 3)
                {
                    output[c] = own[c];
                    output[c + 1] = next[c + 1];
                    output[c + 2] = before[c + 2];
                }
                if (c < w.Channels) output[c] = own[c];
                if (c + 1 < w.Channels) output[c + 1] = next[c + 1];
            }
        }
    }
}
