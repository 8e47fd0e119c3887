using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>Parameters that every data set has.</summary>
public abstract record DataOptions : ChoiceOptions
{
    [Parameter("Use only the first images of the training split; empty: all.", Min = 2, Max = 10_000_000)]
    public int? TrainLimit { get; init; }

    [Parameter("Use only the first images of the test split; empty: all.", Min = 1, Max = 10_000_000)]
    public int? TestLimit { get; init; }

    [Parameter("auto: ZCA whitening with a convexity constraint (as in the paper), per-channel standardisation without; imagenet: standardisation by ImageNet's mean and deviation.",
        Allowed = ["auto", "none", "standardize", "imagenet", "zca"])]
    public string Preprocessing { get; init; } = "auto";

    [Parameter("Added to the eigenvalues in ZCA whitening, on pixels in [0, 1].", Min = 1e-6, Max = 10, Title = "ZCA eps")]
    public double ZcaEps { get; init; } = 0.1;

    [Parameter("Share of the training images held out for validation: the last of a seeded permutation.", Min = 0, Max = 0.9)]
    public double Validation { get; init; }

    [Parameter("Resize images to this side in the batch, after the preprocessing; empty: as they are.", Min = 8, Max = 512)]
    public int? Resize { get; init; }

    [Parameter("How Resize interpolates, with a filter as wide as the reduction in both cases.", Allowed = ["bilinear", "bicubic"])]
    public string Interpolation { get; init; } = "bilinear";

    /// <summary>The classes that become class 1 of a task of two, all others class 0; null leaves the classes as they are.</summary>
    internal virtual IReadOnlyList<int>? Positive => null;

    /// <summary>What the classes are called, in the order of their labels; null where their numbers are their names, and where only the files tell.</summary>
    internal virtual IReadOnlyList<string>? Names => null;

    /// <summary>The preprocessing with auto resolved: ZCA under a constraint, standardisation without.</summary>
    public string PreprocessingWhen(bool constrained) => Preprocessing != "auto" ? Preprocessing : constrained ? "zca" : "standardize";
}

/// <summary>Parameters of <c>CIFAR-10</c>.</summary>
[Choice("cifar10")]
public sealed record Cifar10Options : DataOptions
{
    // Bird, cat, deer, dog, frog, horse.
    private static readonly int[] Animals = [2, 3, 4, 5, 6, 7];

    [Parameter("classes: all ten; animal: bird, cat, deer, dog, frog and horse against the rest, the two-class task of the IOC paper (60 % are animals).", Allowed = ["classes", "animal"])]
    public string Task { get; init; } = "classes";

    internal override IReadOnlyList<int>? Positive => Task == "animal" ? Animals : null;

    internal override IReadOnlyList<string> Names => Task == "animal" ? ["other", "animal"] : ClassNames.Cifar10;
}

[Choice("cifar100")]
public sealed record Cifar100Options : DataOptions
{
    internal override IReadOnlyList<string> Names => ClassNames.Cifar100;
}

[Choice("cifair10")]
public sealed record Cifair10Options : DataOptions
{
    internal override IReadOnlyList<string> Names => ClassNames.Cifar10;
}

[Choice("cifair100")]
public sealed record Cifair100Options : DataOptions
{
    internal override IReadOnlyList<string> Names => ClassNames.Cifar100;
}

[Choice("svhn")]
public sealed record SvhnOptions : DataOptions;

[Choice("stl10")]
public sealed record Stl10Options : DataOptions
{
    internal override IReadOnlyList<string> Names => ClassNames.Stl10;
}

[Choice("mnist")]
public sealed record MnistOptions : DataOptions;

[Choice("fashion_mnist")]
public sealed record FashionMnistOptions : DataOptions
{
    internal override IReadOnlyList<string> Names => ClassNames.FashionMnist;
}

/// <summary>Parameters of <c>Glyphs</c>.</summary>
[Choice("glyphs")]
public sealed record GlyphsOptions : DataOptions
{
    [Parameter("Training images to draw.", Min = 10, Max = 200_000)]
    public int TrainSize { get; init; } = 4000;

    [Parameter("Test images to draw.", Min = 10, Max = 200_000)]
    public int TestSize { get; init; } = 2000;

    [Parameter("Strength of the distortions; 0 draws the same strokes each time.", Min = 0, Max = 3)]
    public double Distortion { get; init; } = 1;

    [Parameter("Number of the collection: another number draws other images. Independent of the run's seed.", Min = 0, Max = 1_000_000)]
    public int Collection { get; init; }

    [Parameter("classes: all ten; five_and_up: the digits from 5 on against the rest, a task of two classes.", Allowed = ["classes", "five_and_up"])]
    public string Task { get; init; } = "classes";

    internal override IReadOnlyList<int>? Positive => Task == "five_and_up" ? [5, 6, 7, 8, 9] : null;

    internal override IReadOnlyList<string>? Names => Task == "five_and_up" ? ["below five", "five and up"] : null;
}
