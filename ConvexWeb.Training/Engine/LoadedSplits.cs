using ConvexWeb.Training.Data;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>Splits whose images all lie on the device: cropped, corrupted where the spec says so, and preprocessed.</summary>
internal sealed class LoadedSplits : ISplits
{
    private readonly Spec spec;
    private readonly DatasetInfo info;
    private readonly ImageSplit test;
    private readonly Device device;
    private readonly PreprocessingKind how;
    private readonly CorruptedImages corruption;
    private readonly Tensor trainImages;
    private readonly Tensor? validationImages;
    private readonly ZcaWhitening? whitening;
    private readonly ChannelNormalization? normalization;

    /// <param name="trainPlaces">Places of the images that are trained on; <paramref name="validationPlaces"/> likewise.</param>
    public LoadedSplits(
        Spec spec, DatasetInfo info, ulong seed, ImageSplit train, ImageSplit test, int[] trainPlaces, int[]? validationPlaces,
        Device device, WhiteningStore store)
    {
        (this.spec, this.info, this.test, this.device) = (spec, info, test, device);
        // A random crop needs what lies around the middle as well; nothing is corrupted then.
        var images = ImageTensors.Middle(Load(train), spec.Augmentation.RandomCrop ? null : spec.Data.Crop);
        corruption = new(spec, seed, images);
        images = corruption.Of(images, isTest: false);
        trainImages = validationPlaces is null ? images : At(images, trainPlaces);
        validationImages = validationPlaces is null ? null : At(images, validationPlaces);
        if (validationPlaces is not null) images.Dispose();

        how = TrainingData.Preprocessing(spec);
        if (how == PreprocessingKind.Zca) whitening = store.Of(trainImages.flatten(1), spec.Data.ZcaEps);
        else if (how != PreprocessingKind.PerImage)
            normalization = ChannelNormalization.Of(
                how, trainImages.shape[0], trainImages.shape[1..], (start, length) => trainImages.narrow(0, start, length),
                spec.Pixels.MakesFloats);
    }

    public Split Train(Tensor labels) => Made(trainImages, labels, spec.Augmentation.IsOn && !spec.Data.ZcaFirst);

    public Split Validation(Tensor labels) => Made(validationImages!, labels, isAugmented: false);

    public Split Test(Tensor labels) => Made(corruption.Of(TestImages(), isTest: true), labels, isAugmented: false);

    public Split? NoisyTest(Tensor labels)
        => corruption.Noisy(TestImages()) is { } noisy ? Made(noisy, labels, isAugmented: false) : null;

    /// <summary>The training images before any preprocessing, uint8 [N, C, H, W] on the CPU, as the caller's own.</summary>
    public Tensor TakePixels() => trainImages.dtype == ScalarType.Byte ? trainImages.DetachFromDisposeScope()
        : trainImages.mul(255).clamp_(0, 255).to(ScalarType.Byte).DetachFromDisposeScope();

    private Tensor TestImages() => ImageTensors.Middle(Load(test), spec.Augmentation.RandomCrop ? null : spec.Data.Crop);

    // Whitened once where nothing comes before it, and batch by batch behind augmentation.
    private Split Made(Tensor images, Tensor labels, bool isAugmented)
    {
        var split = whitening is not null
            ? isAugmented ? whitening.Behind(images, labels, device) : whitening.Before(images, labels, device)
            : how == PreprocessingKind.PerImage ? ByImage(images, labels, isAugmented)
            : Normalised(images, labels);
        return split.ResizedTo(spec.Data.Resize, spec.Data.Interpolation, spec.Data.EvaluationResize)
            .CroppedTo(spec.Augmentation.RandomCrop ? spec.Data.Crop : null);
    }

    private Split ByImage(Tensor images, Tensor labels, bool isAugmented)
        => isAugmented || spec.Augmentation.RandomCrop
            ? new(images.to(device).DetachFromDisposeScope(), PerImage.Of, labels)
            : new(PerImage.OfAll(images).to(device).DetachFromDisposeScope(), labels);

    private Split Normalised(Tensor images, Tensor labels)
    {
        if (images.dtype != ScalarType.Byte)
            return new(normalization!.Apply(ImageTensors.Scaled(images)).to(device).DetachFromDisposeScope(), labels);
        var (scale, shift) = normalization!.On(device);
        return new(images.to(device).DetachFromDisposeScope(), scale, shift, labels);
    }

    private static Tensor At(Tensor images, int[] places)
        => images.index_select(0, from_array(places.Select(place => (long)place).ToArray()));

    // Block by block: a large split never lies in memory twice.
    private Tensor Load(ImageSplit split)
    {
        var images = empty([split.Count, info.Channels, info.Height, info.Width], ScalarType.Byte);
        foreach (var (start, block) in split.Blocks())
        {
            using var scope = NewDisposeScope();
            var pixels = from_array(block).view(-1, info.Channels, info.Height, info.Width);
            images.narrow(0, start, pixels.shape[0]).copy_(pixels);
        }
        return images;
    }
}
