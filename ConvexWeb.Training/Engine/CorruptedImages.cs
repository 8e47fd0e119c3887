using ConvexWeb.Training.Kernels;
using ConvexWeb.Training.Pixels;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>What a run's images are behind the crop and the corruption of pixels: levels, or numbers on the scale from 0 to 1.</summary>
internal sealed class CorruptedImages
{
    private readonly PixelOptions options;
    private readonly PixelCorruption corruption;

    /// <param name="train">All training images, cropped, uint8 [N, C, H, W] on the CPU.</param>
    public CorruptedImages(Spec spec, ulong seed, Tensor train)
    {
        options = spec.Pixels;
        var (channels, height, width) = ((int)train.shape[1], (int)train.shape[2], (int)train.shape[3]);
        var moments = options is TruePixelOptions ? new ChannelMoments([], [])
            : ChannelMoments.Of(Levels(train), channels, height * width);
        corruption = new(options, seed, (channels, height, width), moments);
    }

    /// <param name="images">uint8 [N, C, H, W] in the data set's own order.</param>
    /// <returns>
    /// uint8 of the same shape, or float32 on the scale from 0 to 1: a new tensor, or the images where nothing is done to them.
    /// </returns>
    public Tensor Of(Tensor images, bool isTest)
    {
        if (options is TruePixelOptions || isTest && (!options.IsForTest || options is AddedNoiseOptions)) return images;
        return Made(images, isTest);
    }

    /// <summary>The test images with noise added, float32; null where the spec adds none.</summary>
    public Tensor? Noisy(Tensor test) => options is AddedNoiseOptions ? Made(test, isTest: true) : null;

    private unsafe Tensor Made(Tensor images, bool isTest)
    {
        var result = empty(images.shape, options.MakesFloats ? ScalarType.Float32 : ScalarType.Byte);
        var size = checked((int)(images.numel() / images.shape[0]));
        var (from, to) = ((nint)LibtorchNative.Data(images), (nint)LibtorchNative.Data(result));
        Parallel.For(0, checked((int)images.shape[0]), i =>
        {
            var image = new ReadOnlySpan<byte>((byte*)from + (long)i * size, size);
            if (options.MakesFloats) corruption.Numbers(image, new Span<float>((float*)to + (long)i * size, size), i, isTest);
            else corruption.Levels(image, new Span<byte>((byte*)to + (long)i * size, size), i, isTest);
        });
        GC.KeepAlive(images);
        return result;
    }

    private static unsafe ReadOnlySpan<byte> Levels(Tensor images)
        => new(LibtorchNative.Data(images), checked((int)images.numel()));
}
