using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>Fashion-MNIST: 28 × 28 articles of clothing. Source: Xiao, Rasul and Vollgraf 2017.</summary>
[Choice("fashion_mnist")]
public sealed record FashionMnistOptions : DataOptions
{
    private const string Source = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";

    private static readonly string[] ClassNames =
        ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

    internal override IReadOnlyList<string> Names => ClassNames;

    internal override DatasetInfo Info => new(1, 28, 28, 10, 60_000, 10_000);

    internal override IReadOnlyList<RemoteFile> Files =>
    [
        new(Source + "train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
        new(Source + "train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        new(Source + "t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", "8181f5470baa50b63fa0f6fddb340f0a"),
        new(Source + "t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ];

    internal override bool IsIn(string folder) => RemoteFile.AllIn(folder, Files);

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => Task.FromResult(IdxReader.Read(place.Folder, Info));
}
