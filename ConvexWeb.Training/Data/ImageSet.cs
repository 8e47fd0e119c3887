namespace ConvexWeb.Training.Data;

/// <summary>One split as it is on disk or in memory: images uint8 [N, C, H, W] in row-major order, labels [N].</summary>
public sealed record ImageSplit
{
    private readonly byte[]? images;
    private readonly PixelFile? file;

    public ImageSplit(byte[] images, int[] labels)
    {
        this.images = images;
        Labels = labels;
    }

    /// <summary>A split that is read when its blocks are asked for: it may be larger than an array can be.</summary>
    public ImageSplit(PixelFile file, int[] labels)
    {
        this.file = file;
        Labels = labels;
    }

    public int[] Labels { get; init; }

    /// <summary>Where the images lie on disk; null where they are in memory.</summary>
    public PixelFile? File => file;

    public int Count => Labels.Length;

    /// <summary>All pixels in one array, which holds 2 GiB at most; <see cref="Blocks"/> has no such limit.</summary>
    public byte[] Images => images ?? file!.Read(0, Count);

    /// <summary>The images in order, in one block or more, each with the place of its first image.</summary>
    public IEnumerable<(int Start, byte[] Images)> Blocks() => images is not null ? [(0, images)] : file!.Blocks(Count);

    /// <summary>The first <paramref name="count"/> images, or all.</summary>
    public ImageSplit First(int? count) => count is not { } n || n >= Count ? this
        : file is not null ? new(file, Labels[..n])
        : new(images![..(n * (images.Length / Count))], Labels[..n]);
}

/// <summary>A data set, both splits whole. <paramref name="Info"/> is that of <see cref="DatasetInfo.Stored"/>.</summary>
public sealed record ImageSet(DatasetInfo Info, ImageSplit Train, ImageSplit Test)
{
    /// <summary>What the classes are called; null where their numbers are their names.</summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>With class 1 for the given classes and class 0 for all others; null leaves the labels as they are.</summary>
    public ImageSet AgainstRest(IReadOnlyList<int>? positive)
    {
        if (positive is null) return this;
        return this with { Train = Mapped(Train), Test = Mapped(Test) };

        ImageSplit Mapped(ImageSplit split) => split with { Labels = [.. split.Labels.Select(label => positive.Contains(label) ? 1 : 0)] };
    }
}
