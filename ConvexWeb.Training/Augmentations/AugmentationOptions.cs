using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Augmentations;

/// <summary>
/// What is done to each training batch, anew at every step; evaluation never sees it.
/// In timm's order: crop, flip, RandAugment, jitter, normalisation, erasing, mixing.
/// </summary>
public sealed record AugmentationOptions
{
    [Parameter("Mirror each image left to right with probability 1/2.")]
    public bool Flip { get; init; }

    [Parameter("Pad with this many black pixels on each side, then cut at a random place, at the stored size and before whitening; "
        + "with data.zca_first behind it, with 0.", Min = 0, Max = 32, Title = "Pad and crop")]
    public int PadCrop { get; init; }

    [Parameter("Cut the square of data.crop at a random place in training steps; evaluation takes the middle.")]
    public bool RandomCrop { get; init; }

    [Parameter("Random resized crop: a box of this share of the image or more, its sides as 3 : 4 to 4 : 3, brought to data.resize "
        + "with data.interpolation and rounded, as Pillow does (torchvision, timm: 0.08); empty: off.", Min = 0.01, Max = 1,
        Title = "Resized crop")]
    public double? ResizedCrop { get; init; }

    [Parameter("Magnitude of RandAugment, 2 of 15 operations an image, each with probability 1/2 (timm: rand-m9-mstd0.5-inc1); 0 is off.",
        Min = 0, Max = 10, Title = "RandAugment")]
    public int RandAugment { get; init; }

    [Parameter("Standard deviation of RandAugment's magnitude.", Min = 0, Max = 10, Title = "RandAugment spread")]
    public double RandAugmentStd { get; init; } = 0.5;

    [Parameter("Brightness, contrast and saturation each by a factor within 1 ± this, in random order; "
        + "timm leaves it out where RandAugment is on.", Min = 0, Max = 1)]
    public double ColourJitter { get; init; }

    [Parameter("Probability with which a box of 2 % to 33 % of an image becomes normal noise.", Min = 0, Max = 1)]
    public double RandomErasing { get; init; }

    [Parameter("Alpha of Mixup: a batch is blended with its own reverse, the share drawn from Beta(α, α); "
        + "0 is off. The running accuracy then counts the label of the larger share.", Min = 0, Max = 100)]
    public double Mixup { get; init; }

    [Parameter("Alpha of CutMix: a box comes from the batch's own reverse, its share drawn from Beta(α, α); "
        + "0 is off. With Mixup on, one of the two is drawn for each batch.", Min = 0, Max = 100, Title = "CutMix")]
    public double Cutmix { get; init; }

    [Parameter("Probability with which a batch is mixed at all.", Min = 0, Max = 1)]
    public double MixProbability { get; init; } = 1;

    [Parameter("Augment even where labels or pixels are corrupted: an ablation, since a fixed wrong label then no longer belongs to a "
        + "fixed image.")]
    public bool AllowWithCorruption { get; init; }

    /// <summary>Whether images move or are mirrored: possible with whitened images too.</summary>
    internal bool Moves => Flip || PadCrop > 0 || RandomCrop;

    /// <summary>Whether pixels change as colours do, which needs images between 0 and 1.</summary>
    internal bool Recolours => RandAugment > 0 || ColourJitter > 0;

    internal bool Mixes => (Mixup > 0 || Cutmix > 0) && MixProbability > 0;

    internal bool IsOn => Moves || ResizedCrop is not null || Recolours || RandomErasing > 0 || Mixes;
}
