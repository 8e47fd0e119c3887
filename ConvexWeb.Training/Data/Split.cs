using static TorchSharp.torch;

namespace ConvexWeb.Training.Data;

/// <summary>
/// One split on the device, ready to be cut into batches.
/// Images are uint8 [N, C, H, W] with a normalisation or a whitening, or whitened float32 of that shape.
/// </summary>
public sealed class Split : IDisposable
{
    private readonly Tensor? images;
    private readonly StreamedImages? streamed;
    private readonly Tensor? scale;
    private readonly Tensor? shift;
    private readonly Func<Tensor, Tensor>? whiten;
    private (long Side, bool Bicubic)? resize;
    private EvaluationCrop? evaluation;
    private int? middle;
    private readonly Tensor[] held = [];

    /// <summary>A split of uint8 images: a batch is images·scale + shift, per channel.</summary>
    public Split(Tensor images, Tensor scale, Tensor shift, Tensor labels)
    {
        this.images = images;
        this.scale = scale;
        this.shift = shift;
        Labels = labels;
    }

    /// <summary>The same of images that are read from disk batch by batch.</summary>
    internal Split(StreamedImages streamed, Tensor scale, Tensor shift, Tensor labels)
    {
        this.streamed = streamed;
        this.scale = scale;
        this.shift = shift;
        Labels = labels;
    }

    /// <summary>A split of uint8 images that are whitened batch by batch, behind their augmentation.</summary>
    /// <param name="whiten">float32 [B, C, H, W] in 0..1 → the same shape.</param>
    /// <param name="held">What the function holds: goes with the split.</param>
    public Split(Tensor images, Func<Tensor, Tensor> whiten, Tensor labels, params Tensor[] held)
    {
        this.images = images;
        this.whiten = whiten;
        this.held = held;
        Labels = labels;
    }

    /// <summary>A split whose images are already float32 as the network takes them.</summary>
    public Split(Tensor images, Tensor labels)
    {
        this.images = images;
        Labels = labels;
    }

    /// <summary>Lets batches come out at another size; null leaves it. Returns this split.</summary>
    /// <param name="evaluation">For evaluation, the side that images are brought to before the middle is cut out; null: none.</param>
    public Split ResizedTo(int? side, Interpolation interpolation, int? evaluation = null)
    {
        var bicubic = interpolation == Interpolation.Bicubic;
        resize = side is { } s ? (s, bicubic) : null;
        this.evaluation = evaluation is { } e && side is { } cut ? new(e, cut, bicubic) : null;
        return this;
    }

    /// <summary>For evaluation, takes the middle square of this side; null leaves the images. Returns this split.</summary>
    public Split CroppedTo(int? side)
    {
        middle = side;
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
        => (Resized(scale is null ? Normalized(Pixels(index)) : Scaled(index, scale, shift!)), Labels.index_select(0, index));

    /// <summary>
    /// As <see cref="Batch"/>, but as stored, for augmentation:
    /// in 0..1 without normalisation or whitening (images that were whitened before as they are).
    /// </summary>
    public (Tensor Images, Tensor Labels) Raw(Tensor index) => (Pixels(index), Labels.index_select(0, index));

    private Tensor Pixels(Tensor index)
    {
        if (scale is not null) return Scaled(index, zeros_like(scale).add(1.0 / 255), zeros_like(scale));
        var some = images!.index_select(0, index);
        return whiten is null ? some : some.to(ScalarType.Float32).div_(255);
    }

    // images[index] · by + plus, per channel.
    private Tensor Scaled(Tensor index, Tensor by, Tensor plus)
    {
        if (streamed is null) return Gather.Normalized(images!, index, by, plus);
        using var batch = streamed.Select(index);
        using var all = arange(batch.shape[0], ScalarType.Int64).to(batch.device);
        return Gather.Normalized(batch, all, by, plus);
    }

    private Device Device => streamed?.Device ?? images!.device;

    /// <summary>Applies the normalisation or whitening that <see cref="Raw"/> left out.</summary>
    public Tensor Normalized(Tensor raw)
        => whiten is not null ? whiten(raw)
            : scale is null ? raw
            : raw * (scale * 255).view(1, -1, 1, 1) + shift!.view(1, -1, 1, 1);

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

    /// <summary>Images and labels from <paramref name="start"/> on, as they are evaluated.</summary>
    public (Tensor Images, Tensor Labels) Slice(long start, long length)
    {
        if (evaluation is not null)
        {
            using var places = arange(length, ScalarType.Int64).add_(start).to(Device);
            return (Normalized(evaluation.Apply(Pixels(places))), Labels.narrow(0, start, length));
        }
        if (middle is { } side)
        {
            using var places = arange(length, ScalarType.Int64).add_(start).to(Device);
            return (Resized(Normalized(ImageTensors.Middle(Pixels(places), side))), Labels.narrow(0, start, length));
        }
        if (scale is null && whiten is null) return (Resized(images!.narrow(0, start, length)), Labels.narrow(0, start, length));
        using var index = arange(length, ScalarType.Int64).add_(start).to(Device);
        return Batch(index);
    }

    public void Dispose()
    {
        images?.Dispose();
        scale?.Dispose();
        shift?.Dispose();
        Labels.Dispose();
        Truth?.Dispose();
        evaluation?.Dispose();
        foreach (var tensor in held) tensor.Dispose();
    }
}
