using static TorchSharp.torch;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Brings batches to another size as Pillow does: the filter is as wide as the reduction, a = −0.5 for bicubic. It is linear, so it may
/// follow the normalisation; unlike Pillow it neither rounds nor clips.
/// </summary>
internal static class Resizing
{
    /// <summary>float32 [B, C, H, W] → [B, C, side, side].</summary>
    public static Tensor Apply(Tensor images, long side, bool bicubic)
    {
        var mode = bicubic ? InterpolationMode.Bicubic : InterpolationMode.Bilinear;
        return nn.functional.interpolate(images, size: [side, side], mode: mode, align_corners: false, antialias: true);
    }
}
