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
        + "imagenet: standardisation by ImageNet's mean and deviation.")]
    public PreprocessingKind Preprocessing { get; init; } = PreprocessingKind.Auto;

    [Parameter("Added to the eigenvalues in ZCA whitening, on pixels in [0, 1].", Min = 1e-6, Max = 10, Title = "ZCA eps")]
    public double ZcaEps { get; init; } = 0.1;

    [Parameter("Share of the training images held out for validation: the last of a seeded permutation.", Min = 0, Max = 0.9)]
    public double Validation { get; init; }

    [Parameter("Resize images to this side in the batch, after the preprocessing; empty: as they are.", Min = 8, Max = 512)]
    public int? Resize { get; init; }

    [Parameter("How Resize interpolates, with a filter as wide as the reduction in both cases.")]
    public Interpolation Interpolation { get; init; } = Interpolation.Bilinear;

    DatasetInfo IDataset.Info => Info;

    IReadOnlyList<RemoteFile> IDataset.Files => Files;

    string IDataset.Folder => FolderName;

    bool IDataset.IsIn(string folder) => IsIn(folder);

    Task<ImageSet> IDataset.ReadAsync(DatasetPlace place, CancellationToken cancel) => ReadAsync(place, cancel);

    // The members of IDataset are no public members of the record: what is public there is said in a spec.
    internal abstract DatasetInfo Info { get; }

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
