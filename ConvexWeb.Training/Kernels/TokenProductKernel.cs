using System.Numerics;
using System.Runtime.CompilerServices;

namespace ConvexWeb.Training.Kernels;

/// <summary>A linear layer over the tokens of [B, S, C], the mixer's, as one small product for each sample: no transposed copies of the batch.</summary>
internal static unsafe class TokenProductKernel
{
    private struct Work<T> where T : unmanaged
    {
        public T* Input, Weight, Bias, Output;
        public T* Gradient, ToInput, ToWeight, ToBias;
        public int Tokens, Channels, Outputs;
    }

    /// <summary>output[b] [T, C] = weight [T, S] · input[b] [S, C] + bias [T].</summary>
    public static void Forward<T>(T* input, T* weight, T* bias, T* output, long batch, int tokens, int channels, int outputs) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = new Work<T> { Input = input, Weight = weight, Bias = bias, Output = output, Tokens = tokens, Channels = channels, Outputs = outputs };
        KernelPool.For(batch, 1, &Products<T>, &work);
    }

    /// <param name="toWeight">[threads, T, S], zero at first: each thread sums what its own samples give.</param>
    /// <param name="toBias">[threads, T], zero at first.</param>
    public static void Backward<T>(T* gradient, T* input, T* weight, T* toInput, T* toWeight, T* toBias, long batch, int tokens, int channels, int outputs)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var work = new Work<T>
        {
            Gradient = gradient, Input = input, Weight = weight, ToInput = toInput, ToWeight = toWeight, ToBias = toBias,
            Tokens = tokens, Channels = channels, Outputs = outputs,
        };
        KernelPool.For(batch, 1, &Gradients<T>, &work);
    }

    private static void Products<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        for (var b = from; b < to; b++)
        {
            T* output = w.Output + b * w.Outputs * w.Channels;
            for (var t = 0; t < w.Outputs; t++) new Span<T>(output + t * w.Channels, w.Channels).Fill(w.Bias[t]);
            Gemm.Multiply(false, false, w.Outputs, w.Channels, w.Tokens, w.Weight, w.Input + b * w.Tokens * w.Channels, T.One, output);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gradients<T>(void* state, long from, long to, int thread) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var w = *(Work<T>*)state;
        T* toWeight = w.ToWeight + (long)thread * w.Outputs * w.Tokens, toBias = w.ToBias + (long)thread * w.Outputs;
        for (var b = from; b < to; b++)
        {
            T* gradient = w.Gradient + b * w.Outputs * w.Channels, sample = w.Input + b * w.Tokens * w.Channels;
            Gemm.Multiply(true, false, w.Tokens, w.Channels, w.Outputs, w.Weight, gradient, T.Zero, w.ToInput + b * w.Tokens * w.Channels);
            Gemm.Multiply(false, true, w.Outputs, w.Tokens, w.Channels, gradient, sample, T.One, toWeight);
            for (var t = 0; t < w.Outputs; t++) toBias[t] += T.CreateTruncating(Lanes.Sum(gradient + t * w.Channels, w.Channels));
        }
    }
}
