using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>ImageNet's 1000 classes of 2012, unpacked into the folder <c>imagenet</c>.</summary>
[Choice("imagenet")]
public sealed record ImageNetOptions : JpegFolderOptions
{
    internal override string FolderName => "imagenet";
    internal override int ClassCount => 1000;
    internal override int TrainCount => 1_281_167;
    internal override int TestCount => 50_000;
}
