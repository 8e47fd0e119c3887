using static TorchSharp.torch;

namespace ConvexWeb.Training.Data;

/// <summary>What is done to images [N, C, H, W] alike wherever they are prepared.</summary>
internal static class ImageTensors
{
    /// <summary>The middle square [N, C, side, side]; the images themselves without a side, or where they are one.</summary>
    public static Tensor Middle(Tensor images, int? side)
    {
        if (side is not { } s || images.shape[2] == s && images.shape[3] == s) return images;
        return images.narrow(2, (images.shape[2] - s) / 2, s).narrow(3, (images.shape[3] - s) / 2, s).contiguous();
    }

    /// <summary>Levels or numbers as numbers on the scale from 0 to 1, float32: a new tensor.</summary>
    public static Tensor Scaled(Tensor images)
        => images.dtype == ScalarType.Byte ? images.to(ScalarType.Float32).div_(255) : images.to(ScalarType.Float32, copy: true);
}
