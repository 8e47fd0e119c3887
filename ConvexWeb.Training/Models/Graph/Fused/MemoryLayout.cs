using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>How images [B, C, H, W] lie in memory. TorchSharp has no memory formats; strides say the same.</summary>
internal static class MemoryLayout
{
    /// <summary>Whether each pixel's channels are neighbours in memory and the whole is dense.</summary>
    public static bool HasChannelsLast(Tensor x)
    {
        if (x.ndim != 4) return false;
        var (shape, strides) = (x.shape, x.stride());
        return strides[1] == 1 && strides[3] == shape[1]
            && strides[2] == shape[3] * shape[1] && strides[0] == shape[2] * shape[3] * shape[1];
    }

    /// <summary>The same values with the channels last in memory; <paramref name="x"/> itself where they lie so.</summary>
    public static Tensor ChannelsLast(Tensor x) => HasChannelsLast(x) ? x : x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    /// <summary>Uninitialised images [B, C, H, W] with the channels last in memory.</summary>
    public static Tensor EmptyChannelsLast(long batch, long channels, long height, long width, ScalarType type)
        => empty_strided([batch, channels, height, width], [height * width * channels, 1, width * channels, channels], type);

    /// <summary>Uninitialised, in the shape, type and layout of <paramref name="x"/>.</summary>
    public static Tensor EmptyLike(Tensor x) => empty_strided(x.shape, x.stride(), x.dtype);

    /// <summary><paramref name="x"/> in the layout of <paramref name="strides"/>; itself where it has it.</summary>
    public static Tensor WithStrides(Tensor x, long[] strides)
        => x.stride().SequenceEqual(strides) ? x : empty_strided(x.shape, strides, x.dtype).copy_(x);
}
