using static TorchSharp.torch;

namespace ConvexWeb.Training.Augmentations;

/// <summary>Where an image is cut out of its padded self, and whether the cut is mirrored.</summary>
internal readonly record struct Cut(int Top, int Left, bool Mirrored)
{
    /// <param name="slack">By how much the images are larger than what is cut out of them, apart from the padding.</param>
    public static Cut Draw(AugmentationOptions options, ulong seed, ulong step, int image, int slack = 0)
    {
        var places = 2 * options.PadCrop + slack + 1;
        var crop = Draws.Stream(seed, Draws.Crop, step, image);
        var flip = Draws.Stream(seed, Draws.Flip, step, image);
        return new(crop.NextIndex(places), crop.NextIndex(places), options.Flip && flip.NextUnit() < 0.5);
    }
}

/// <summary>Flip and random crop as one gather: exact, so that it fits whitened images too.</summary>
internal static class FlipAndCrop
{
    /// <summary>
    /// float32 [B, C, H, W], one cut an image → the same shape, or squares of a side: padded by zeros,
    /// out[y, x] = padded[y + top, x + left], x counted from the right where mirrored.
    /// </summary>
    public static Tensor Apply(Tensor images, int pad, IReadOnlyList<Cut> cuts, int? side = null)
    {
        var shape = images.shape;
        var stored = shape[3];
        var (height, width) = (side ?? shape[2], side ?? shape[3]);
        var padded = pad == 0 ? images : nn.functional.pad(images, new long[] { pad, pad, pad, pad });
        var numbers = new long[3, cuts.Count];
        for (var i = 0; i < cuts.Count; i++)
            (numbers[0, i], numbers[1, i], numbers[2, i]) = (cuts[i].Top, cuts[i].Left, cuts[i].Mirrored ? 1 : 0);
        var (top, left, mirrored) = Rows(from_array(numbers).to(images.device).unsqueeze(2));
        var x = arange(width, ScalarType.Int64, images.device).unsqueeze(0); // [1, W]
        var columns = x + left + mirrored * (width - 1 - 2 * x); // [B, W]
        var rows = arange(height, ScalarType.Int64, images.device).unsqueeze(0) + top; // [B, H]
        var index = (rows.unsqueeze(2) * (stored + 2 * pad) + columns.unsqueeze(1)).view(shape[0], 1, height * width);
        return padded.flatten(2).gather(2, index.expand(shape[0], shape[1], height * width)).view(shape[0], shape[1], height, width);
    }

    private static (Tensor, Tensor, Tensor) Rows(Tensor table) => (table.select(0, 0), table.select(0, 1), table.select(0, 2));
}
