using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Brings a decoded image to a square of side S: the short side is scaled to S and the centre of the long side kept, at the places where
/// torchvision's Resize and CenterCrop put them.
/// The filter is a triangle as wide as the reduction (bilinear when it enlarges), so every pixel counts and nothing flickers.
/// Where the decoder has reduced the image already, it kept the low frequencies of each block of 8 × 8 and no more, so the triangle is as
/// wide as what is left to do. Beside Pillow's full decoding and bilinear reduction, photographs differ by 1 to 2 grey levels in the mean.
/// Its loops are compiled with all optimisations at once (measured: 1.3 times the images per second), since a folder of a few
/// thousand images is decoded before the runtime optimises them.
/// </summary>
internal sealed class SquareResampler(int side)
{
    /// <summary>Counts changes of the method: images made by an older one are made again.</summary>
    public const int Version = 1;

    private readonly Axis across = new(side);
    private readonly Axis down = new(side);
    private float[] line = [];

    /// <param name="pixels">Bytes R, G, B and one unused of <paramref name="width"/> × <paramref name="height"/> pixels.</param>
    /// <param name="original">Size in the file.</param>
    /// <param name="factor">What the decoder scaled by, f ≤ 1.</param>
    /// <param name="square">Gets [3, S, S].</param>
    public void Resample(
        ReadOnlySpan<byte> pixels, int width, int height, (int Width, int Height) original, double factor, Span<byte> square)
    {
        var shorter = Math.Min(original.Width, original.Height);
        across.Place(width, original.Width, shorter, factor);
        down.Place(height, original.Height, shorter, factor);

        // Down first, over the columns that are wanted: long runs of floats, which the processor takes several at a time.
        var length = 4 * (across.Until - across.From);
        if (line.Length < length) line = new float[length];
        for (var y = 0; y < side; y++)
        {
            var sum = line.AsSpan(0, length);
            sum.Clear();
            var weights = down.Of(y, out var start);
            for (var k = 0; k < weights.Length; k++)
                AddScaled(pixels.Slice(4 * (width * (start + k) + across.From), length), weights[k], sum);
            Across(MemoryMarshal.Cast<float, Vector4>(sum), square, y);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Across(ReadOnlySpan<Vector4> sum, Span<byte> square, int y)
    {
        var plane = side * side;
        for (var x = 0; x < side; x++)
        {
            var weights = across.Of(x, out var start);
            var at = sum.Slice(start - across.From, weights.Length);
            var colour = new Vector4(.5f);
            for (var k = 0; k < weights.Length; k++) colour += weights[k] * at[k];
            var to = y * side + x;
            square[to] = (byte)Math.Min(colour.X, 255);
            square[plane + to] = (byte)Math.Min(colour.Y, 255);
            square[2 * plane + to] = (byte)Math.Min(colour.Z, 255);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddScaled(ReadOnlySpan<byte> row, float weight, Span<float> sum)
    {
        var bytes = MemoryMarshal.Cast<byte, Vector<byte>>(row);
        var total = MemoryMarshal.Cast<float, Vector<float>>(sum);
        for (var i = 0; i < bytes.Length; i++)
        {
            Vector.Widen(bytes[i], out var low, out var high);
            Vector.Widen(low, out var a, out var b);
            Vector.Widen(high, out var c, out var d);
            var four = total.Slice(4 * i, 4);
            four[0] += Vector.ConvertToSingle(Vector.AsVectorInt32(a)) * weight;
            four[1] += Vector.ConvertToSingle(Vector.AsVectorInt32(b)) * weight;
            four[2] += Vector.ConvertToSingle(Vector.AsVectorInt32(c)) * weight;
            four[3] += Vector.ConvertToSingle(Vector.AsVectorInt32(d)) * weight;
        }
        for (var i = bytes.Length * Vector<byte>.Count; i < row.Length; i++) sum[i] += row[i] * weight;
    }

    /// <summary>The weights of one direction: for each of S outputs, the first input and the weights from there on.</summary>
    private sealed class Axis(int side)
    {
        private readonly int[] starts = new int[side];
        private readonly int[] counts = new int[side];
        private float[] weights = [];
        private int room;

        /// <summary>The inputs that any output needs, as a half-open range.</summary>
        public int From { get; private set; }

        public int Until { get; private set; }

        /// <summary>The weights of output i, for inputs from <paramref name="start"/> on.</summary>
        public ReadOnlySpan<float> Of(int i, out int start)
        {
            start = starts[i];
            return weights.AsSpan(i * room, counts[i]);
        }

        /// <param name="inputs">Pixels as decoded.</param>
        /// <param name="length">Pixels in the file, of this direction and of the shorter one.</param>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Place(int inputs, int length, int shorter, double factor)
        {
            var scaled = (int)((long)side * length / shorter);
            var cut = Math.Round((scaled - side) / 2.0);
            var step = (double)length / scaled * factor;
            var half = Math.Max(1, step);
            room = (int)Math.Ceiling(2 * half) + 2;
            if (weights.Length < side * room) weights = new float[side * room];
            for (var i = 0; i < side; i++)
            {
                var centre = (cut + i + .5) * step;
                var from = Math.Clamp((int)(centre - half + .5), 0, inputs - 1);
                var until = Math.Clamp((int)(centre + half + .5), from + 1, inputs);
                (starts[i], counts[i]) = (from, until - from);
                var sum = 0.0;
                for (var k = from; k < until; k++) sum += Weight(k);
                for (var k = from; k < until; k++) weights[i * room + k - from] = (float)(sum > 0 ? Weight(k) / sum : 1.0 / (until - from));

                double Weight(int k) => Math.Max(0, 1 - Math.Abs(k + .5 - centre) / half);
            }
            (From, Until) = (starts[0], starts[^1] + counts[^1]);
        }
    }
}
