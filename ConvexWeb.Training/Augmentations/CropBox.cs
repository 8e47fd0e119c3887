using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Augmentations;

/// <summary>The part of an image that a random resized crop takes.</summary>
internal readonly record struct CropBox(int Top, int Left, int Height, int Width)
{
    private const int Tries = 10;
    private const double NarrowestRatio = 3.0 / 4, WidestRatio = 4.0 / 3;

    /// <summary>
    /// As torchvision and timm: an area drawn evenly between <paramref name="least"/> and all of it, a ratio of the sides drawn evenly by
    /// its logarithm; after ten boxes that do not fit, the largest in the middle within the ratios.
    /// </summary>
    public static CropBox Draw(SplitMixStream stream, double least, int height, int width)
    {
        for (var i = 0; i < Tries; i++)
        {
            var area = height * width * (least + (1 - least) * stream.NextUnit());
            var ratio = Math.Exp(Math.Log(NarrowestRatio) + (Math.Log(WidestRatio) - Math.Log(NarrowestRatio)) * stream.NextUnit());
            var w = (int)Math.Round(Math.Sqrt(area * ratio));
            var h = (int)Math.Round(Math.Sqrt(area / ratio));
            if (w < 1 || h < 1 || w > width || h > height) continue;
            return new(stream.NextIndex(height - h + 1), stream.NextIndex(width - w + 1), h, w);
        }
        var shape = (double)width / height;
        var (tall, wide) = shape < NarrowestRatio ? ((int)Math.Round(width / NarrowestRatio), width)
            : shape > WidestRatio ? (height, (int)Math.Round(height * WidestRatio))
            : (height, width);
        return new((height - tall) / 2, (width - wide) / 2, tall, wide);
    }
}
