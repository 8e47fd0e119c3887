using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>STL-10: 96 × 96 colour photographs of 10 classes, the labelled ones. Source: Coates, Ng and Lee 2011.</summary>
[Choice("stl10")]
public sealed record Stl10Options : DataOptions
{
    private static readonly string[] ClassNames = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];

    internal override IReadOnlyList<string> Names => ClassNames;

    internal override DatasetInfo Info => new(3, 96, 96, 10, 5_000, 8_000);

    internal override IReadOnlyList<RemoteFile> Files =>
        [new("http://ai.stanford.edu/~acoates/stl10/" + Stl10Reader.Archive, "91f7769df0f17e558f3565bffb0c7dfb")];

    internal override bool IsIn(string folder) => UnpackedFiles.Have(folder, Stl10Reader.Archive, Stl10Reader.Inner, Stl10Reader.Names);

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => Task.FromResult(Stl10Reader.Read(place.Folder, Info));
}
