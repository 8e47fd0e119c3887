using static TorchSharp.torch;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Each image by its own mean and population deviation, over all pixels and channels (Zhang et al. App. A; TensorFlow's
/// per_image_standardization): (x − mean) / max(deviation, 1/√n). It divides by what depends on the image, so a network behind it is convex
/// in the whitened image only, not in the pixels.
/// </summary>
internal static class PerImage
{
    private const int Rows = 4096;

    /// <summary>float32 [B, C, H, W] → the same shape.</summary>
    public static Tensor Of(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var flat = images.flatten(1);
        var mean = flat.mean([1], keepdim: true);
        var centred = flat - mean;
        var deviation = centred.square().mean([1], keepdim: true).sqrt_().clamp_(min: 1 / Math.Sqrt(flat.shape[1]));
        return centred.div_(deviation).view(images.shape).MoveToOuterDisposeScope();
    }

    /// <summary>All images of a split, uint8 or float32 on the scale from 0 to 1 → float32.</summary>
    public static Tensor OfAll(Tensor images)
    {
        using var scope = NewDisposeScope();
        var result = empty(images.shape, ScalarType.Float32);
        for (long at = 0; at < images.shape[0]; at += Rows)
        {
            using var inner = NewDisposeScope();
            var rows = Math.Min(Rows, images.shape[0] - at);
            result.narrow(0, at, rows).copy_(Of(ImageTensors.Scaled(images.narrow(0, at, rows))));
        }
        return result.MoveToOuterDisposeScope();
    }
}
