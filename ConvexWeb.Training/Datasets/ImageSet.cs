namespace ConvexWeb.Training.Datasets;

/// <summary>One split as it is on disk: images uint8 [N, C, H, W] in row-major order, labels [N].</summary>
public sealed record ImageSplit(byte[] Images, int[] Labels)
{
    public int Count => Labels.Length;

    /// <summary>The first <paramref name="count"/> images, or all.</summary>
    public ImageSplit First(int? count)
        => count is { } n && n < Count ? new(Images[..(n * (Images.Length / Count))], Labels[..n]) : this;
}

/// <summary>A data set in memory, both splits whole.</summary>
public sealed record ImageSet(DatasetInfo Info, ImageSplit Train, ImageSplit Test);
