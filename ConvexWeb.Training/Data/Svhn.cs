using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>SVHN: 32 × 32 colour photographs of the digits of house numbers. Source: Netzer et al. 2011.</summary>
[Choice("svhn")]
public sealed record SvhnOptions : DataOptions
{
    private const string Source = "http://ufldl.stanford.edu/housenumbers/";

    internal override DatasetInfo Info => new(3, 32, 32, 10, 73_257, 26_032);

    internal override IReadOnlyList<RemoteFile> Files =>
    [
        new(Source + SvhnReader.TrainFile, "e26dedcc434d2e4c54c9b2d4a06d8373"),
        new(Source + SvhnReader.TestFile, "eb5a983be6a315427106f1b164d9cef3"),
    ];

    internal override bool IsIn(string folder) => RemoteFile.AllIn(folder, Files);

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => Task.FromResult(SvhnReader.Read(place.Folder, Info));
}
