using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>ciFAIR-100: CIFAR-100 with test images that have no near-duplicates. Source: Barz and Denzler 2020, arXiv 1902.00423.</summary>
[Choice("cifair100")]
public sealed record Cifair100Options : DataOptions
{
    internal override IReadOnlyList<string> Names => Cifar100Options.ClassNames;

    internal override DatasetInfo Info => new(3, 32, 32, 100, 50_000, 10_000);

    internal override IReadOnlyList<RemoteFile> Files =>
        [new("https://github.com/cvjena/cifair/releases/download/v1.0/ciFAIR-100.zip", "ddc236ab4b12eeb8b20b952614861a33")];

    internal override bool IsIn(string folder) => UnpackedFiles.Have(folder, "ciFAIR-100.zip", "ciFAIR-100", CifairReader.Files100);

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => Task.FromResult(CifairReader.Read100(place.Folder, Info));
}
