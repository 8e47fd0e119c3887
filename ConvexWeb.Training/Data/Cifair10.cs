using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>ciFAIR-10: CIFAR-10 with test images that have no near-duplicates. Source: Barz and Denzler 2020, arXiv 1902.00423.</summary>
[Choice("cifair10")]
public sealed record Cifair10Options : DataOptions
{
    internal override IReadOnlyList<string> Names => Cifar10Options.ClassNames;

    internal override DatasetInfo Info => new(3, 32, 32, 10, 50_000, 10_000);

    internal override IReadOnlyList<RemoteFile> Files =>
        [new("https://github.com/cvjena/cifair/releases/download/v1.0/ciFAIR-10.zip", "ca08fd390f0839693d3fc45c4e49585f")];

    internal override bool IsIn(string folder) => UnpackedFiles.Have(folder, "ciFAIR-10.zip", "ciFAIR-10", CifairReader.Files10);

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => Task.FromResult(CifairReader.Read10(place.Folder, Info));
}
