using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>MNIST: 28 × 28 handwritten digits. Source: LeCun et al. 1998.</summary>
[Choice("mnist")]
public sealed record MnistOptions : DataOptions
{
    private const string Source = "https://ossci-datasets.s3.amazonaws.com/mnist/";

    internal override DatasetInfo Info => new(1, 28, 28, 10, 60_000, 10_000);

    internal override IReadOnlyList<RemoteFile> Files =>
    [
        new(Source + "train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
        new(Source + "train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
        new(Source + "t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
        new(Source + "t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
    ];

    internal override bool IsIn(string folder) => RemoteFile.AllIn(folder, Files);

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => Task.FromResult(IdxReader.Read(place.Folder, Info));
}
