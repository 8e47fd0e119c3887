using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>Parameters of data sets that are folders of JPEG files: <c>train/CLASS/*.jpg</c> and <c>val/CLASS/*.jpg</c>.</summary>
public abstract record JpegFolderOptions : DataOptions
{
    [Parameter("Side of the stored images: the short side is scaled to it, and the centre is cropped to a square.", Min = 32, Max = 512)]
    public int ImageSize { get; init; } = 64;

    /// <summary>Name of the sub-folder of the data directory.</summary>
    internal abstract string FolderName { get; }
    internal abstract int ClassCount { get; }
    internal abstract int TrainCount { get; }
    internal abstract int TestCount { get; }
}

/// <summary>A folder of one's own. The counts are part of the spec, since a spec is checked where the images are not.</summary>
[Choice("image_folder")]
public sealed record ImageFolderOptions : JpegFolderOptions
{
    [Parameter("Name of the folder in the data directory; it holds train/CLASS/*.jpg and val/CLASS/*.jpg (or test/).")]
    public string Folder { get; init; } = "images";

    [Parameter("Classes, which are the folders in train/.", Min = 2, Max = 1000)]
    public int Classes { get; init; } = 10;

    [Parameter("Images in train/; 'datasets verify image_folder --folder NAME' counts them.", Min = 2, Max = 100_000_000)]
    public int TrainImages { get; init; } = 1000;

    [Parameter("Images in val/ (or test/).", Min = 1, Max = 100_000_000)]
    public int TestImages { get; init; } = 1000;

    internal override string FolderName => Folder;
    internal override int ClassCount => Classes;
    internal override int TrainCount => TrainImages;
    internal override int TestCount => TestImages;

    /// <summary>Whether a text is a plain folder name: it never leaves the data directory.</summary>
    public static bool IsPlainName(string name)
        => name.Length is > 0 and <= 100 && name is not ("." or "..") && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');
}

/// <summary>ImageNet's 1000 classes of 2012, unpacked into the folder <c>imagenet</c>.</summary>
[Choice("imagenet")]
public sealed record ImageNetOptions : JpegFolderOptions
{
    internal override string FolderName => "imagenet";
    internal override int ClassCount => 1000;
    internal override int TrainCount => 1_281_167;
    internal override int TestCount => 50_000;
}
