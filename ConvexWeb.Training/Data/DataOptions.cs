using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Data;

/// <summary>What is done to pixels between 0 and 1 before the network sees them.</summary>
public enum PreprocessingKind
{
    Auto,
    None,
    Standardize,
    Imagenet,
    Zca,
    PerImage,
    Centered,
}

/// <summary>Which training images are held out for validation.</summary>
public enum ValidationPart
{
    Random,
    First,
}

/// <summary>How images are brought to another size.</summary>
public enum Interpolation
{
    Bilinear,
    Bicubic,
}

/// <summary>Parameters that every data set has.</summary>
public abstract record DataOptions : ChoiceOptions, IDataset
{
    [Parameter("Use only the first images of the training split; empty: all.", Min = 2, Max = 10_000_000)]
    public int? TrainLimit { get; init; }

    [Parameter("Use only the first images of the test split; empty: all.", Min = 1, Max = 10_000_000)]
    public int? TestLimit { get; init; }

    [Parameter("auto: ZCA whitening with a convexity constraint (as in the paper), per-channel standardisation without; "
        + "imagenet: standardisation by ImageNet's mean and deviation; centered: levels brought to -1 … 1; "
        + "per_image: each image by its own mean and deviation, "
        + "over all its pixels and channels, as Zhang et al.")]
    public PreprocessingKind Preprocessing { get; init; } = PreprocessingKind.Auto;

    [Parameter("Whiten the training images once, before they are augmented, as the first version did; "
        + "else they are augmented first, and what comes in at the edges is black.", Title = "ZCA before augmentation")]
    public bool ZcaFirst { get; init; }

    [Parameter("Added to the eigenvalues in ZCA whitening, on pixels in [0, 1].", Min = 1e-6, Max = 10, Title = "ZCA eps")]
    public double ZcaEps { get; init; } = 0.1;

    [Parameter("Share of the training images held out for validation.", Min = 0, Max = 0.9)]
    public double Validation { get; init; }

    [Parameter("Which images are held out: random is the last part of a permutation by the seed; first is the first images of the data "
        + "set, the same for every seed.", Title = "Validation part")]
    public ValidationPart ValidationPart { get; init; } = ValidationPart.Random;

    [Parameter("Keep only the middle of each image, a square of this side, as the first thing that is done; empty: all of it. With "
        + "augmentation.random_crop, training steps cut at a random place instead (Zhang et al.: 28 of 32).", Min = 4, Max = 512)]
    public int? Crop { get; init; }

    [Parameter("Resize images to this side in the batch, after the preprocessing; empty: as they are.", Min = 8, Max = 512)]
    public int? Resize { get; init; }

    [Parameter("How Resize interpolates, with a filter as wide as the reduction in both cases.")]
    public Interpolation Interpolation { get; init; } = Interpolation.Bilinear;

    [Parameter("Where images are evaluated, bring them to this side and cut the middle of Resize out of it, rounded as Pillow does "
        + "(CycleMLP: 256 for 224); empty: Resize alone.", Min = 8, Max = 1024)]
    public int? EvaluationResize { get; init; }

    DatasetInfo IDataset.Info => Info;

    IReadOnlyList<RemoteFile> IDataset.Files => Files;

    string IDataset.Folder => FolderName;

    bool IDataset.IsIn(string folder) => IsIn(folder);

    Task<ImageSet> IDataset.ReadAsync(DatasetPlace place, CancellationToken cancel) => ReadAsync(place, cancel);

    // The members of IDataset are no public members of the record: what is public there is said in a spec.
    internal abstract DatasetInfo Info { get; }

    /// <summary>Whether images are read from disk batch by batch, and never all held in memory.</summary>
    internal virtual bool IsStreamed => false;

    internal virtual IReadOnlyList<RemoteFile> Files => [];

    internal virtual string FolderName => Name;

    internal abstract bool IsIn(string folder);

    internal abstract Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel);

    /// <summary>The classes that become class 1 of a task of two, all others class 0; null leaves the classes as they are.</summary>
    internal virtual IReadOnlyList<int>? Positive => null;

    /// <summary>
    /// What the classes are called, in the order of their labels;
    /// null where their numbers are their names, and where only the files tell.
    /// </summary>
    internal virtual IReadOnlyList<string>? Names => null;

    /// <summary>The preprocessing with auto resolved: ZCA under a constraint, standardisation without.</summary>
    public PreprocessingKind PreprocessingWhen(bool constrained)
        => Preprocessing != PreprocessingKind.Auto ? Preprocessing : constrained ? PreprocessingKind.Zca : PreprocessingKind.Standardize;
}
