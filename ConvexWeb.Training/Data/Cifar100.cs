using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>CIFAR-100: 32 × 32 colour photographs of 100 classes. Source: Krizhevsky 2009.</summary>
[Choice("cifar100")]
public sealed record Cifar100Options : DataOptions
{
    internal static readonly string[] ClassNames =
    [
        "apple", "aquarium fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
        "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
        "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
        "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
        "lamp", "lawn mower", "leopard", "lion", "lizard", "lobster", "man", "maple tree", "motorcycle", "mountain",
        "mouse", "mushroom", "oak tree", "orange", "orchid", "otter", "palm tree", "pear", "pickup truck", "pine tree",
        "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
        "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
        "squirrel", "streetcar", "sunflower", "sweet pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
        "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow tree", "wolf", "woman", "worm",
    ];

    internal override IReadOnlyList<string> Names => ClassNames;

    internal override DatasetInfo Info => new(3, 32, 32, 100, 50_000, 10_000);

    internal override IReadOnlyList<RemoteFile> Files =>
        [new("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8")];

    internal override bool IsIn(string folder)
        => UnpackedFiles.Have(folder, "cifar-100-binary.tar.gz", "cifar-100-binary", CifarReader.Files100);

    internal override Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel)
        => Task.FromResult(CifarReader.Read100(place.Folder, Info));
}
