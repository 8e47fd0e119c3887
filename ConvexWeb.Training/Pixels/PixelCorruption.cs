using ConvexWeb.Training.Data;
using ConvexWeb.Training.Theory;

namespace ConvexWeb.Training.Pixels;

/// <summary>Mean and population deviation of each channel over the training images, on pixels from 0 to 1.</summary>
public sealed record ChannelMoments(double[] Mean, double[] Deviation)
{
    /// <param name="images">uint8 [N, C, plane].</param>
    public static ChannelMoments Of(ReadOnlySpan<byte> images, int channels, int plane)
    {
        var (sum, squares) = (new long[channels], new long[channels]);
        for (var at = 0; at < images.Length; at += plane)
        {
            long s = 0, q = 0;
            foreach (var level in images.Slice(at, plane))
            {
                s += level;
                q += level * level;
            }
            var channel = at / plane % channels;
            sum[channel] += s;
            squares[channel] += q;
        }
        var count = (double)images.Length / channels;
        double[] mean = [.. sum.Select(s => s / count)];
        return new(
            [.. mean.Select(m => m / 255)],
            [.. squares.Select((q, c) => Math.Sqrt(Math.Max(0, q / count - mean[c] * mean[c])) / 255)]);
    }
}

/// <summary>
/// Corrupts images once, keyed by the seed and the image's index in the data set's own order (science.md C and S8a.4). Each image by
/// itself, so that a worker gets the same ones in any order.
/// </summary>
/// <param name="seed">The run's; the corruption may have one of its own.</param>
/// <param name="shape">Channels, height and width of an image, behind the crop.</param>
/// <param name="moments">Of the training images, all of them.</param>
public sealed class PixelCorruption(PixelOptions options, ulong seed, (int Channels, int Height, int Width) shape, ChannelMoments moments)
{
    // Test image i must not get what training image i got.
    private const ulong SharedOrder = 3, TrainOrder = 4, TrainNormals = 5, TestOrder = 7, TestNormals = 8, TrainNoise = 9, TestNoise = 10;
    private const ulong Seed001Rows = 13, Seed001Scalars = 14;

    private readonly ulong key = KeyOf(options, seed);
    private readonly int plane = shape.Height * shape.Width;
    private readonly int[] shared = options is ShuffledPixelOptions or Seed001ShuffledOptions
        ? SplitMix.Permutation(shape.Height * shape.Width, SplitMix.Mix(KeyOf(options, seed), SharedOrder, 0))
        : [];

    /// <summary>Levels of one image, [C, H, W], to those of the corrupted one: where it still has levels.</summary>
    public void Levels(ReadOnlySpan<byte> image, Span<byte> result, int index, bool isTest)
    {
        switch (options)
        {
            case ShuffledPixelOptions or Seed001ShuffledOptions: Permute(image, result, shared); break;
            case RandomPixelOptions:
                Permute(image, result, SplitMix.Permutation(plane, Key(isTest ? TestOrder : TrainOrder, index)));
                break;
            case Seed001RowsOptions: PermuteRows(image, result, SplitMix.Permutation(shape.Height, Key(Seed001Rows, index))); break;
            case Seed001GaussianOptions: OverwriteRows(image, result, index); break;
            default: throw new NotSupportedException(options.GetType().Name);
        }
    }

    /// <summary>Levels of one image, [C, H, W], to numbers on the scale from 0 to 1, which they may leave.</summary>
    public void Numbers(ReadOnlySpan<byte> image, Span<float> result, int index, bool isTest)
    {
        switch (options)
        {
            case GaussianPixelOptions:
                var normals = Normals.Of(result.Length, Key(isTest ? TestNormals : TrainNormals, index));
                for (var i = 0; i < result.Length; i++)
                    result[i] = (float)(moments.Mean[i / plane] + moments.Deviation[i / plane] * normals[i]);
                break;
            case AddedNoiseOptions { Deviation: var deviation }:
                var noise = Normals.Of(result.Length, Key(isTest ? TestNoise : TrainNoise, index));
                for (var i = 0; i < result.Length; i++) result[i] = (float)(image[i] / 255.0 + deviation * noise[i]);
                break;
            default: throw new NotSupportedException(options.GetType().Name);
        }
    }

    private static ulong KeyOf(PixelOptions options, ulong seed)
        => (options as CorruptedPixelOptions)?.CorruptionSeed is { } own ? (ulong)own : seed;

    private ulong Key(ulong stream, int index) => SplitMix.Mix(key, stream, (ulong)index);

    private void Permute(ReadOnlySpan<byte> image, Span<byte> result, int[] order)
    {
        for (var at = 0; at < image.Length; at += plane)
            for (var k = 0; k < plane; k++) result[at + k] = image[at + order[k]];
    }

    private void PermuteRows(ReadOnlySpan<byte> image, Span<byte> result, int[] order)
    {
        for (var at = 0; at < image.Length; at += plane)
            for (var y = 0; y < shape.Height; y++)
                image.Slice(at + order[y] * shape.Width, shape.Width).CopyTo(result[(at + y * shape.Width)..]);
    }

    // What the code has for the mean and deviation of CIFAR's channels.
    private static readonly double[] StatedMean = [0.4914, 0.4822, 0.4465], StatedDeviation = [0.247, 0.243, 0.261];

    // The code means channels and, its images having their channels last, writes rows: row r gets a draw of channel r's mean and deviation.
    private void OverwriteRows(ReadOnlySpan<byte> image, Span<byte> result, int index)
    {
        image.CopyTo(result);
        var normals = Normals.Of(StatedMean.Length, Key(Seed001Scalars, index));
        for (var row = 0; row < Math.Min(StatedMean.Length, shape.Height); row++)
        {
            var level = (byte)(int)(StatedMean[row] + StatedDeviation[row] * normals[row]);
            for (var at = 0; at < image.Length; at += plane) result.Slice(at + row * shape.Width, shape.Width).Fill(level);
        }
    }
}
