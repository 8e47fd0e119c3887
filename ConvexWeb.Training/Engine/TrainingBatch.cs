using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>What one step trains on: images float32 [B, C, H, W].</summary>
/// <param name="Targets">int64 [B], or of a mixed batch float32 [B, K], before label smoothing; the loss takes both.</param>
/// <param name="Labels">int64 [B]: what the running accuracy counts as right; of a mixed image, the label of its larger share.</param>
internal sealed record TrainingBatch(Tensor Images, Tensor Targets, Tensor Labels);

/// <summary>
/// Cuts batches out of the training split, and augments them where the spec says so;
/// where it does not, images take the fused way of <see cref="Split.Batch"/>.
/// </summary>
internal sealed class TrainingBatches(Spec spec, Split split, ulong seed)
{
    private readonly AugmentationOptions options = spec.Augmentation;
    private readonly ImageAugmentation augmentation
        = new(spec.Augmentation, seed, spec.Augmentation.RandAugment > 0 ? split.Neutral() : [], CropOf(spec),
            spec.Augmentation.RandomCrop ? spec.Data.Crop : null);
    private readonly BatchMixing mixing = new(spec.Augmentation, seed, DatasetInfo.Of(spec.Data).Classes);

    private static ResizedCrop? CropOf(Spec spec) => spec.Augmentation.ResizedCrop is null || spec.Data.Resize is not { } side
        ? null
        : new ResizedCrop(side, spec.Data.Interpolation == Interpolation.Bicubic);

    /// <param name="step">Steps done before this one since the start of the run: with the seed, the key of all random numbers.</param>
    public TrainingBatch At(Tensor index, long step)
    {
        if (!options.IsOn)
        {
            var (plain, truth) = split.Batch(index);
            return new(plain, truth, truth);
        }
        var (images, labels) = split.Raw(index);
        images = augmentation.Erase(split.Normalized(augmentation.Apply(images, (ulong)step)), (ulong)step);
        if (!options.Mixes) return new(split.Resized(images), labels, labels);
        (images, var targets, labels) = mixing.Apply(images, labels, (ulong)step);
        return new(split.Resized(images), targets, labels);
    }
}
