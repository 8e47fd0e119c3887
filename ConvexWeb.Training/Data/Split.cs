using static TorchSharp.torch;

namespace ConvexWeb.Training.Data;

/// <summary>
/// One split on the device, ready to be cut into batches.
/// Images are uint8 [N, C, H, W] with a normalisation, or whitened float32 of that shape.
/// </summary>
public sealed class Split : IDisposable
{
    private readonly Tensor images;
    private readonly Tensor? scale;
    private readonly Tensor? shift;
    private (long Side, bool Bicubic)? resize;

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

    /// <summary>Lets batches come out at another size; null leaves it. Returns this split.</summary>
    public Split ResizedTo(int? side, Interpolation interpolation)
    {
        resize = side is { } s ? (s, interpolation == Interpolation.Bicubic) : null;
        return this;
    }

    /// <summary>int64 [N].</summary>
    public Tensor Labels { get; }

    /// <summary>The labels before any corruption, int64 [N]; null where none was corrupted.</summary>
    public Tensor? Truth { get; private set; }

    /// <summary>Remembers the true labels of a split with corrupted ones. Returns this split.</summary>
    public Split WithTruth(Tensor truth)
    {
        Truth = truth.DetachFromDisposeScope();
        return this;
    }

    public int Count => (int)Labels.shape[0];

    /// <summary>Images and labels at the given places: float32 [B, C, H, W] and int64 [B].</summary>
    public (Tensor Images, Tensor Labels) Batch(Tensor index)
        => (Resized(scale is null ? images.index_select(0, index) : Gather.Normalized(images, index, scale, shift!)),
            Labels.index_select(0, index));

    /// <summary>
    /// As <see cref="Batch"/>, but as stored, for augmentation:
    /// in 0..1 without the normalisation (whitened images as they are).
    /// </summary>
    public (Tensor Images, Tensor Labels) Raw(Tensor index)
        => (scale is null
                ? images.index_select(0, index)
                : Gather.Normalized(images, index, zeros_like(scale).add(1.0 / 255), zeros_like(scale)),
            Labels.index_select(0, index));

    /// <summary>Applies the normalisation that <see cref="Raw"/> left out.</summary>
    public Tensor Normalized(Tensor raw) => scale is null ? raw : raw * (scale * 255).view(1, -1, 1, 1) + shift!.view(1, -1, 1, 1);

    /// <summary>At the size that the network takes.</summary>
    public Tensor Resized(Tensor stored)
        => resize is not { } to || stored.shape is [.., var height, var width] && height == to.Side && width == to.Side
            ? stored
            : Resizing.Apply(stored, to.Side, to.Bicubic);

    /// <summary>
    /// Per channel, the value in 0..1 that the normalisation makes 0:
    /// the training images' mean, or black. Empty for whitened images.
    /// </summary>
    public float[] Neutral()
    {
        if (scale is null) return [];
        using var scope = NewDisposeScope();
        return shift!.neg().div(scale).div(255).cpu().data<float>().ToArray();
    }

    /// <summary>Images and labels from <paramref name="start"/> on.</summary>
    public (Tensor Images, Tensor Labels) Slice(long start, long length)
    {
        if (scale is null) return (Resized(images.narrow(0, start, length)), Labels.narrow(0, start, length));
        using var index = arange(length, ScalarType.Int64).add_(start).to(images.device);
        return Batch(index);
    }

    public void Dispose()
    {
        images.Dispose();
        scale?.Dispose();
        shift?.Dispose();
        Labels.Dispose();
        Truth?.Dispose();
    }
}
