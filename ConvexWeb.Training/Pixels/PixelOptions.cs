using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Pixels;

/// <summary>What is done to the images, once and for the whole run, behind the crop and before any preprocessing.</summary>
public abstract record PixelOptions : ChoiceOptions
{
    /// <summary>Whether what comes out are no longer whole levels from 0 to 255.</summary>
    internal virtual bool MakesFloats => false;

    /// <summary>Whether test images are corrupted as well; seed 001's code leaves them.</summary>
    internal virtual bool IsForTest => true;
}

/// <summary>The images as they are.</summary>
[Choice("true")]
public sealed record TruePixelOptions : PixelOptions;

/// <summary>What all corruptions of images have in common.</summary>
public abstract record CorruptedPixelOptions : PixelOptions
{
    [Parameter("Seed of what is drawn; empty: the run's own.", Min = 0, Max = int.MaxValue)]
    public int? CorruptionSeed { get; init; }
}

/// <summary>One permutation of the places, the same for all images and channels (Zhang et al. s2.1).</summary>
[Choice("shuffled_pixels")]
public sealed record ShuffledPixelOptions : CorruptedPixelOptions;

/// <summary>A permutation of the places for each image by itself.</summary>
[Choice("random_pixels")]
public sealed record RandomPixelOptions : CorruptedPixelOptions;

/// <summary>Each image replaced by normal noise with the mean and deviation of its channel over the training images.</summary>
[Choice("gaussian")]
public sealed record GaussianPixelOptions : CorruptedPixelOptions
{
    internal override bool MakesFloats => true;
}

/// <summary>Normal noise added to each image. The test images stay, and a noisy copy of them is measured as well.</summary>
[Choice("add_noise")]
public sealed record AddedNoiseOptions : CorruptedPixelOptions
{
    [Parameter("Deviation of the noise, on pixels from 0 to 1; nothing is clipped.", Min = 0, Max = 10)]
    public double Deviation { get; init; } = 0.1;

    internal override bool MakesFloats => true;
}

/// <summary>A noise of seed 001's code, which leaves the test images alone.</summary>
public abstract record Seed001PixelOptions : CorruptedPixelOptions
{
    internal override bool IsForTest => false;
}

/// <summary>Its "gaussian": the top three rows become one number each, which as a byte is 0 but for one or two in a hundred.</summary>
[Choice("seed001_gaussian")]
public sealed record Seed001GaussianOptions : Seed001PixelOptions;

/// <summary>Its "random pixels": the rows of each image in another order.</summary>
[Choice("seed001_rows")]
public sealed record Seed001RowsOptions : Seed001PixelOptions;

/// <summary>Its "shuffled pixels": one permutation of the places, right but for the test images, which stay.</summary>
[Choice("seed001_shuffled")]
public sealed record Seed001ShuffledOptions : Seed001PixelOptions;
