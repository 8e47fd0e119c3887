using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>CIFAR-10: 32 × 32 colour photographs of 10 classes. Source: Krizhevsky 2009.</summary>
[Choice("cifar10")]
public sealed record Cifar10Options : DataOptions
{
    internal static readonly string[] ClassNames =
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    // Bird, cat, deer, dog, frog, horse.
    private static readonly int[] Animals = [2, 3, 4, 5, 6, 7];

    [Parameter("classes: all ten; animal: bird, cat, deer, dog, frog and horse against the rest, the two-class task "
        + "of the IOC paper (60 % are animals).")]
    public Cifar10Task Task { get; init; } = Cifar10Task.Classes;

    internal override IReadOnlyList<int>? Positive => Task == Cifar10Task.Animal ? Animals : null;

    internal override IReadOnlyList<string> Names => Task == Cifar10Task.Animal ? ["other", "animal"] : ClassNames;

    internal override DatasetInfo Info => new(3, 32, 32, 10, 50_000, 10_000);

    internal override IReadOnlyList<RemoteFile> Files =>
        [new("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530")];

    internal override bool IsIn(string folder)
        => UnpackedFiles.Have(folder, "cifar-10-binary.tar.gz", "cifar-10-batches-bin", CifarReader.Files10);

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => System.Threading.Tasks.Task.FromResult(CifarReader.Read10(place.Folder, Info));
}

/// <summary>The classes: all of them, or animals and the rest.</summary>
public enum Cifar10Task
{
    Classes,
    Animal,
}
