using System.Security.Cryptography;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Corruptions;
using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The splits of a run on its device, and what was done to the training labels.</summary>
public sealed class TrainingData : IDisposable
{
    private TrainingData(Split train, Split? validation, Split test, CorruptedLabels labels)
    {
        Train = train;
        Validation = validation;
        Test = test;
        Labels = labels;
    }

    public Split Train { get; }
    public Split? Validation { get; }
    public Split Test { get; }
    public CorruptedLabels Labels { get; }

    /// <param name="cache">Folder in which whitening matrices are kept.</param>
    /// <param name="keep">Folder of the run, which gets the whitening matrix beside the checkpoints; null for none.</param>
    public static TrainingData Prepare(Spec spec, ImageSet set, ulong seed, Device device, string cache, string? keep, Action<string> say)
    {
        var train = set.Train.First(spec.Data.TrainLimit);
        var test = set.Test.First(spec.Data.TestLimit);
        // Labels are keyed by the image's place in the data set's own order, before any shuffle or split.
        var corrupted = LabelCorruption.Apply(spec.Labels, train.Labels, set.Info.Classes, seed);

        var size = SplitSize.Of(spec.Data);
        var order = size.Validation > 0 ? RandomStreams.Validation(seed, train.Count) : [.. Enumerable.Range(0, train.Count)];
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var trainIndex = from_array(order[..size.Train].Select(i => (long)i).ToArray());
        var validationIndex = size.Validation > 0 ? from_array(order[size.Train..].Select(i => (long)i).ToArray()) : null;
        var labels = from_array(corrupted.Labels.Select(l => (long)l).ToArray());
        var testLabels = from_array(test.Labels.Select(l => (long)l).ToArray());
        var images = Images(train, set.Info);
        var testImages = Images(test, set.Info);
        var trainImages = validationIndex is null ? images : images.index_select(0, trainIndex);
        Tensor? validationImages = validationIndex is null ? null : images.index_select(0, validationIndex);

        Func<Tensor, Tensor, Split> make = Preprocessing(spec) == "zca"
            ? Whitened(trainImages, set.Info, spec.Data.ZcaEps, device, cache, keep, say)
            : Normalized(trainImages, Preprocessing(spec) == "standardize", device);

        return new(
            make(trainImages, labels.index_select(0, trainIndex)),
            validationImages is null ? null : make(validationImages, labels.index_select(0, validationIndex!)),
            make(testImages, testLabels),
            corrupted);
    }

    /// <summary>The preprocessing with auto resolved: ZCA under a constraint, standardisation without.</summary>
    public static string Preprocessing(Spec spec)
        => spec.Data.Preprocessing != "auto" ? spec.Data.Preprocessing : spec.Convexity is NoConvexityOptions ? "standardize" : "zca";

    private static Tensor Images(ImageSplit split, DatasetInfo info)
        => from_array(split.Images).view(split.Count, info.Channels, info.Height, info.Width);

    private static Func<Tensor, Tensor, Split> Normalized(Tensor train, bool standardize, Device device)
    {
        var channels = train.shape[1];
        Tensor scale, shift;
        if (standardize)
        {
            var (mean, deviation) = ChannelStatistics(train);
            scale = deviation.mul(255).pow(-1).to(ScalarType.Float32);
            shift = mean.div(deviation).neg().to(ScalarType.Float32);
        }
        else
        {
            scale = full([channels], 1.0 / 255, ScalarType.Float32);
            shift = zeros([channels], ScalarType.Float32);
        }
        return (images, labels) => new Split(Own(images, device), Own(scale, device), Own(shift, device), Own(labels, device));
    }

    // Exact sums: pixels are whole numbers, so float64 holds them without rounding.
    private static (Tensor Mean, Tensor Deviation) ChannelStatistics(Tensor images)
    {
        var sum = zeros([images.shape[1]], ScalarType.Float64);
        var squares = zeros([images.shape[1]], ScalarType.Float64);
        for (long at = 0, count = images.shape[0]; at < count; at += 1000)
        {
            using var scope = NewDisposeScope();
            var block = images.narrow(0, at, Math.Min(1000, count - at)).to(ScalarType.Float64);
            sum.add_(block.sum([0, 2, 3]));
            squares.add_(block.square().sum([0, 2, 3]));
        }
        var values = images.numel() / images.shape[1];
        var mean = sum.div(values);
        var variance = squares.div(values).sub(mean.square()).clamp(min: 1e-4);
        return (mean.div(255), variance.sqrt().div(255));
    }

    private static Func<Tensor, Tensor, Split> Whitened(Tensor train, DatasetInfo info, double eps, Device device, string cache, string? keep, Action<string> say)
    {
        var flat = train.view(-1, info.Dimensions);
        Directory.CreateDirectory(cache);
        var file = Path.Combine(cache, $"zca-{Fingerprint(flat, eps)}.safetensors");
        if (!File.Exists(file))
        {
            // Runs of the same images start together (seeds, labels): one of them does the work.
            using var alone = FileLock.Take(file + ".lock");
            if (!File.Exists(file))
            {
                say($"ZCA whitening: eigenvalues of a {info.Dimensions} × {info.Dimensions} covariance (kept for next time)");
                var (fitted, fit) = Whitening.Fit(flat, eps);
                SafeTensors.Save(file, [("mean", fitted), ("matrix", fit)], new Dictionary<string, string> { ["eps"] = eps.ToString("R") });
            }
        }
        var (tensors, _) = SafeTensors.Load(file);
        var (mean, matrix) = (tensors["mean"], tensors["matrix"]);
        if (keep is not null) File.Copy(file, Path.Combine(keep, "whitening.safetensors"), overwrite: true);
        return (images, labels) =>
        {
            using var white = Whitening.Apply(images.view(-1, info.Dimensions), mean, matrix);
            return new Split(Own(white.view(images.shape), device), Own(labels, device));
        };
    }

    private static string Fingerprint(Tensor images, double eps)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(images.bytes);
        hash.AppendData(BitConverter.GetBytes(eps));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..24];
    }

    private static Tensor Own(Tensor tensor, Device device) => tensor.to(device, copy: true).DetachFromDisposeScope();

    public void Dispose()
    {
        Train.Dispose();
        Validation?.Dispose();
        Test.Dispose();
    }
}
