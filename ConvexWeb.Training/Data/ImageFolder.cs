using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

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
        => name.Length is > 0 and <= 100 && name is not ("." or "..")
            && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');
}
