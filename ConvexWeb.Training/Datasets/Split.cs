using static TorchSharp.torch;

namespace ConvexWeb.Training.Datasets;

/// <summary>One split on the device, ready to be cut into batches. Images are uint8 [N, C, H, W] with a normalisation, or whitened float32 of that shape.</summary>
public sealed class Split : IDisposable
{
    private readonly Tensor images;
    private readonly Tensor? scale;
    private readonly Tensor? shift;

    /// <summary>A split of uint8 images: a batch is images·scale + shift, per channel.</summary>
    public Split(Tensor images, Tensor scale, Tensor shift, Tensor labels)
    {
        this.images = images;
        this.scale = scale;
        this.shift = shift;
        Labels = labels;
    }

    /// <summary>A split whose images are already float32 as the network takes them.</summary>
    public Split(Tensor images, Tensor labels)
    {
        this.images = images;
        Labels = labels;
    }

    /// <summary>int64 [N].</summary>
    public Tensor Labels { get; }

    public int Count => (int)Labels.shape[0];

    /// <summary>Images and labels at the given places: float32 [B, C, H, W] and int64 [B].</summary>
    public (Tensor Images, Tensor Labels) Batch(Tensor index)
        => (scale is null ? images.index_select(0, index) : Gather.Normalized(images, index, scale, shift!), Labels.index_select(0, index));

    /// <summary>Images and labels from <paramref name="start"/> on.</summary>
    public (Tensor Images, Tensor Labels) Slice(long start, long length)
    {
        if (scale is null) return (images.narrow(0, start, length), Labels.narrow(0, start, length));
        using var index = arange(length, ScalarType.Int64).add_(start).to(images.device);
        return Batch(index);
    }

    public void Dispose()
    {
        images.Dispose();
        scale?.Dispose();
        shift?.Dispose();
        Labels.Dispose();
    }
}
