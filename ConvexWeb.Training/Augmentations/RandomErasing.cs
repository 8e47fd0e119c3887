using ConvexWeb.Training.Data;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Augmentations;

/// <summary>Rows [Top, Top + Height) and columns [Left, Left + Width).</summary>
internal readonly record struct Box(int Top, int Left, int Height, int Width)
{
    public int Area => Height * Width;
}

/// <summary>
/// Random erasing (Zhong et al. 2020, arXiv 1708.04896) as timm's mode "pixel":
/// one box an image becomes standard normal noise, after normalisation.
/// </summary>
internal static class RandomErasing
{
    private const int Attempts = 10;
    private const double LeastArea = 0.02, MostArea = 1.0 / 3, LeastAspect = 0.3;

    /// <summary>The box of one image; null where it stays whole, also where ten boxes in a row did not fit.</summary>
    public static Box? Draw(SplitMixStream stream, double probability, int height, int width)
    {
        if (stream.NextUnit() >= probability) return null;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var area = stream.NextBetween(LeastArea, MostArea) * height * width;
            var aspect = Math.Exp(stream.NextBetween(Math.Log(LeastAspect), -Math.Log(LeastAspect)));
            var (tall, wide) = ((int)Math.Round(Math.Sqrt(area * aspect)), (int)Math.Round(Math.Sqrt(area / aspect)));
            if (tall >= height || wide >= width) continue;
            return new(stream.NextIndex(height - tall + 1), stream.NextIndex(width - wide + 1), tall, wide);
        }
        return null;
    }

    /// <summary>Normalised images float32 [B, C, H, W], a box or none for each → a copy with noise in the boxes.</summary>
    /// <param name="noiseKey">The key of an image's noise, by its place in the batch.</param>
    public static Tensor Apply(Tensor images, IReadOnlyList<Box?> boxes, Func<int, ulong> noiseKey)
    {
        int[] hit = [.. Enumerable.Range(0, boxes.Count).Where(i => boxes[i] is not null)];
        if (hit.Length == 0) return images;
        var (shape, device) = (images.shape, images.device);
        var index = from_array(hit.Select(i => (long)i).ToArray()).to(device);
        var noise = DeviceNoise.Normal(hit.Select(noiseKey), shape[1] * shape[2] * shape[3], device).view(-1, shape[1], shape[2], shape[3]);
        var rows = Inside([.. hit.Select(i => boxes[i]!.Value.Top)], [.. hit.Select(i => boxes[i]!.Value.Height)], shape[2], device)
            .view(-1, 1, shape[2], 1);
        var columns = Inside([.. hit.Select(i => boxes[i]!.Value.Left)], [.. hit.Select(i => boxes[i]!.Value.Width)], shape[3], device)
            .view(-1, 1, 1, shape[3]);
        return images.clone().index_copy_(0, index, where((rows * columns).gt(0), noise, images.index_select(0, index)));
    }

    // 1 at places start..start + length − 1 of an axis, 0 elsewhere: float32 [n, size].
    private static Tensor Inside(int[] starts, int[] lengths, long size, Device device)
    {
        var table = new float[starts.Length, size];
        for (var i = 0; i < starts.Length; i++)
        {
            for (var at = starts[i]; at < starts[i] + lengths[i]; at++) table[i, at] = 1;
        }
        return from_array(table).to(device);
    }
}
