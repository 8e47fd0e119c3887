using ConvexWeb.Training.Data;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Augmentations;

/// <summary>
/// Brings a box of each image to one size as Pillow does with 8-bit images: along rows and then along columns, each rounded and clipped.
/// Two products with the weights of each image, since each has a box of its own.
/// </summary>
internal sealed class ResizedCrop(int side, bool bicubic)
{
    // The weights of so many images at once: at 224 pixels some 50 MB.
    private const int Most = 64;

    /// <summary>float32 [B, C, H, W] of levels / 255, one box an image → [B, C, side, side].</summary>
    public Tensor Apply(Tensor images, IReadOnlyList<CropBox> boxes)
    {
        if (boxes.Count <= Most) return Some(images, boxes);
        using var scope = NewDisposeScope();
        var parts = boxes.Chunk(Most).Select((part, i) => Some(images.narrow(0, (long)i * Most, part.Length), part));
        return cat([.. parts]).MoveToOuterDisposeScope();
    }

    private Tensor Some(Tensor images, IReadOnlyList<CropBox> boxes)
    {
        using var scope = NewDisposeScope();
        var (count, height, width) = (boxes.Count, (int)images.shape[2], (int)images.shape[3]);
        var across = new double[count * side * width];
        var down = new double[count * side * height];
        Parallel.For(0, count, i =>
        {
            var box = boxes[i];
            ResizeWeights.Write(across.AsSpan(i * side * width, side * width), width, side, box.Left, box.Width, bicubic);
            ResizeWeights.Write(down.AsSpan(i * side * height, side * height), height, side, box.Top, box.Height, bicubic);
        });
        var columns = from_array(across).view(count, side, width).to(images.device);
        var rows = from_array(down).view(count, side, height).to(images.device);
        var channels = images.shape[1];
        // Levels are whole numbers, and with float64 the sums are exact, as Pillow's are.
        var lines = images.mul(255).round_().to(ScalarType.Float64).view(count, channels * height, width);
        var wide = Levels(lines.bmm(columns.transpose(1, 2))).view(count, channels, height, side);
        var high = Levels(rows.bmm(wide.transpose(1, 2).reshape(count, height, channels * side))); // [B, side, C·side]
        return high.view(count, side, channels, side).transpose(1, 2).to(ScalarType.Float32).contiguous().div_(255)
            .MoveToOuterDisposeScope();
    }

    // Half a level goes up, as in Pillow.
    private static Tensor Levels(Tensor x) => x.add_(0.5).floor_().clamp_(0, 255);
}
