using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ConvexWeb.Training.Kernels;

/// <summary>Takes a batch out of uint8 images and normalises it in the same pass.</summary>
internal static unsafe class GatherKernel
{
    private struct Work
    {
        public byte* Images;
        public long* Index;
        public float* Scale;
        public float* Shift;
        public float* Batch;
        public long Channels;
        public long Plane;
    }

    /// <summary>
    /// images uint8 [N, C, plane], index [B] with values in 0 … N − 1, scale and shift [C]
    /// → batch [B, C, plane] = images[index]·scale + shift.
    /// </summary>
    public static void Normalize(byte* images, long* index, long count, float* scale, float* shift, float* batch, long channels, long plane)
    {
        var work = new Work
        {
            Images = images,
            Index = index,
            Scale = scale,
            Shift = shift,
            Batch = batch,
            Channels = channels,
            Plane = plane,
        };
        KernelPool.For(count, 8, &Body, &work);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Body(void* state, long from, long to, int thread)
    {
        var work = *(Work*)state;
        var row = work.Channels * work.Plane;
        for (var i = from; i < to; i++)
        {
            for (var c = 0L; c < work.Channels; c++)
            {
                byte* source = work.Images + work.Index[i] * row + c * work.Plane;
                float* target = work.Batch + i * row + c * work.Plane;
                Vector512<float> scale = Vector512.Create(work.Scale[c]), shift = Vector512.Create(work.Shift[c]);
                var p = 0L;
                for (; p + 16 <= work.Plane; p += 16)
                {
                    var words = Vector256.WidenLower(Vector128.Load(source + p).ToVector256Unsafe());
                    var pixels = Vector512.WidenLower(words.ToVector512Unsafe()).AsInt32();
                    (Vector512.ConvertToSingle(pixels) * scale + shift).Store(target + p);
                }
                for (; p < work.Plane; p++) target[p] = source[p] * work.Scale[c] + work.Shift[c];
            }
        }
    }
}
