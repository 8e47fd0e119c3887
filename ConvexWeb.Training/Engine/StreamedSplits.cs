using ConvexWeb.Training.Data;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>Splits whose images stay on disk and are read batch by batch.</summary>
internal sealed class StreamedSplits : ISplits
{
    private readonly Spec spec;
    private readonly long[] shape;
    private readonly Device device;
    private readonly StreamedImages train, test;
    private readonly StreamedImages? validation;
    private readonly ChannelNormalization normalization;

    /// <param name="trainPlaces">Places of the images that are trained on; <paramref name="validationPlaces"/> likewise.</param>
    public StreamedSplits(
        Spec spec, DatasetInfo info, ImageSplit train, ImageSplit test, int[] trainPlaces, int[]? validationPlaces, Device device)
    {
        (this.spec, this.device) = (spec, device);
        shape = [info.Channels, info.Height, info.Width];
        this.train = At(train, trainPlaces);
        validation = validationPlaces is null ? null : At(train, validationPlaces);
        this.test = At(test, [.. Enumerable.Range(0, test.Count)]);
        normalization = ChannelNormalization.Of(TrainingData.Preprocessing(spec), this.train.Count, shape, this.train.Narrow);
    }

    public Split Train(Tensor labels) => Made(train, labels);

    public Split Validation(Tensor labels) => Made(validation!, labels);

    public Split Test(Tensor labels) => Made(test, labels);

    public Split? NoisyTest(Tensor labels) => null;

    private Split Made(StreamedImages images, Tensor labels)
    {
        var (scale, shift) = normalization.On(device);
        return new Split(images, scale, shift, labels).ResizedTo(spec.Data.Resize, spec.Data.Interpolation, spec.Data.EvaluationResize);
    }

    private StreamedImages At(ImageSplit split, int[] places) => new(
        split.File ?? throw new DatasetException(
            $"{spec.Data.Name} has no file of images to read batch by batch: set data.stream to false."),
        [.. places.Select(place => (long)place)], shape, device);
}
