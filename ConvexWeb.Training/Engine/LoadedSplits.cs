using ConvexWeb.Training.Data;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>Splits whose images all lie on the device.</summary>
internal sealed class LoadedSplits : ISplits
{
    private readonly Spec spec;
    private readonly DatasetInfo info;
    private readonly ImageSplit test;
    private readonly Device device;
    private readonly Tensor trainImages;
    private readonly Tensor? validationImages;
    private readonly ZcaWhitening? whitening;
    private readonly ChannelNormalization? normalization;

    /// <param name="trainPlaces">Places of the images that are trained on; <paramref name="validationPlaces"/> likewise.</param>
    public LoadedSplits(
        Spec spec, DatasetInfo info, ImageSplit train, ImageSplit test, int[] trainPlaces, int[]? validationPlaces, Device device,
        WhiteningStore store)
    {
        (this.spec, this.info, this.test, this.device) = (spec, info, test, device);
        var images = Load(train);
        trainImages = validationPlaces is null ? images : At(images, trainPlaces);
        validationImages = validationPlaces is null ? null : At(images, validationPlaces);
        if (validationPlaces is not null) images.Dispose();

        var how = TrainingData.Preprocessing(spec);
        if (how == PreprocessingKind.Zca) whitening = store.Of(trainImages.view(-1, info.Dimensions), spec.Data.ZcaEps);
        else normalization = ChannelNormalization.Of(
            how, trainImages.shape[0], trainImages.shape[1..], (start, length) => trainImages.narrow(0, start, length));
    }

    public Split Train(Tensor labels) => Made(trainImages, labels, spec.Augmentation.IsOn && !spec.Data.ZcaFirst);

    public Split Validation(Tensor labels) => Made(validationImages!, labels, isAugmented: false);

    public Split Test(Tensor labels) => Made(Load(test), labels, isAugmented: false);

    /// <summary>The training images before any preprocessing, uint8 [N, C, H, W] on the CPU, as the caller's own.</summary>
    public Tensor TakePixels() => trainImages.DetachFromDisposeScope();

    // Whitened once where nothing comes before it, and batch by batch behind augmentation.
    private Split Made(Tensor images, Tensor labels, bool isAugmented)
    {
        var split = whitening is null ? Normalised(images, labels)
            : isAugmented ? whitening.Behind(images, labels, device)
            : whitening.Before(images, labels, device);
        return split.ResizedTo(spec.Data.Resize, spec.Data.Interpolation, spec.Data.EvaluationResize);
    }

    private Split Normalised(Tensor images, Tensor labels)
    {
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
