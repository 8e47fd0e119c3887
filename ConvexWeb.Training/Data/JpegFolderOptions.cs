using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>Parameters of data sets that are folders of JPEG files: <c>train/CLASS/*.jpg</c> and <c>val/CLASS/*.jpg</c>.</summary>
public abstract record JpegFolderOptions : DataOptions
{
    [Parameter("Side of the stored images: the short side is scaled to it, and the centre is cropped to a square.", Min = 32, Max = 512)]
    public int ImageSize { get; init; } = 64;

    [Parameter("Read the images from disk batch by batch instead of holding them all in memory; "
        + "empty: where both splits together take more than 8 GB. Not with ZCA.")]
    public bool? Stream { get; init; }

    private const long MostInMemory = 8_000_000_000;

    internal override bool IsStreamed
        => Stream ?? (long)3 * ImageSize * ImageSize * (Math.Min(TrainLimit ?? int.MaxValue, TrainCount)
            + (long)Math.Min(TestLimit ?? int.MaxValue, TestCount)) > MostInMemory;

    internal abstract int ClassCount { get; }
    internal abstract int TrainCount { get; }
    internal abstract int TestCount { get; }

    internal override DatasetInfo Info => new(3, ImageSize, ImageSize, ClassCount, TrainCount, TestCount);

    internal override bool IsIn(string folder) => Directory.Exists(Path.Combine(folder, "train"));

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => new JpegFolderReader(place.Cache, place.Say).ReadAsync(place.Folder, this, Info, cancel);
}
