using static TorchSharp.torch;

namespace ConvexWeb.Training.Augmentations;

/// <summary>
/// Operations that move an image away from, or towards, a poorer one by a factor: black (brightness), its mean grey (contrast), its grey
/// (colour), its smoothed self (sharpness). Numbers are Pillow's.
/// </summary>
internal static class Enhancements
{
    /// <summary>
    /// Whole levels float32 [n, C, H, W], one treatment an image → the same shape.
    /// An image without colour keeps its colour.
    /// </summary>
    public static Tensor Apply(Tensor levels, IReadOnlyList<Treatment> treatments)
    {
        var poorer = zeros_like(levels);
        var kinds = Enumerable.Range(0, treatments.Count).GroupBy(i => treatments[i].Operation);
        foreach (var kind in kinds.Where(g => g.Key != Operation.Brightness))
        {
            var index = from_array(kind.Select(i => (long)i).ToArray()).to(levels.device);
            var images = levels.index_select(0, index);
            poorer.index_copy_(0, index, Poorer(kind.Key, images).expand(images.shape));
        }
        var factors = from_array(treatments.Select(t => (float)t.Argument).ToArray()).to(levels.device).view(-1, 1, 1, 1);
        return (poorer + (levels - poorer) * factors).clamp(0, 255).floor();
    }

    private static Tensor Poorer(Operation kind, Tensor images) => kind switch
    {
        Operation.Color => images.shape[1] == 3 ? Grey(images) : images,
        Operation.Contrast => Grey(images).mean([1, 2, 3], keepdim: true, ScalarType.Float64).add(0.5).floor().to(ScalarType.Float32),
        Operation.Sharpness => Smooth(images),
        _ => throw new NotSupportedException(kind.ToString()),
    };

    /// <summary>
    /// [n, 3, H, W] → [n, 1, H, W] by ITU-R 601, in 65536ths:
    /// every sum is a whole number that float32 holds. One channel stays as it is.
    /// </summary>
    private static Tensor Grey(Tensor images) => images.shape[1] == 3
        ? (images.narrow(1, 0, 1) * 19595 + images.narrow(1, 1, 1) * 38470 + images.narrow(1, 2, 1) * 7471)
            .add(32768).mul(1.0 / 65536).floor()
        : images;

    /// <summary>Mean over 3 × 3 pixels with the middle one five times; the border stays as it is.</summary>
    private static Tensor Smooth(Tensor images)
    {
        var shape = images.shape;
        var (height, width) = (shape[2], shape[3]);
        var result = images.clone();
        if (height < 3 || width < 3) return result;
        var kernel = ones([1, 1, 3, 3], ScalarType.Float32, images.device);
        kernel.narrow(2, 1, 1).narrow(3, 1, 1).fill_(5);
        var inner = nn.functional.conv2d(images.view(-1, 1, height, width), kernel).div(13).add(0.5).floor();
        result.narrow(2, 1, height - 2).narrow(3, 1, width - 2).copy_(inner.view(shape[0], shape[1], height - 2, width - 2));
        return result;
    }
}
