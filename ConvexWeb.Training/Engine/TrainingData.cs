using System.Security.Cryptography;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The splits of a run on its device, and what was done to the training labels.</summary>
public sealed class TrainingData : IDisposable
{
    // Of the channels R, G, B in [0, 1]: what every recipe for ImageNet takes.
    private static readonly double[] ImageNetMean = [0.485, 0.456, 0.406];
    private static readonly double[] ImageNetDeviation = [0.229, 0.224, 0.225];

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

    /// <summary>What the classes are called; null where their numbers are their names.</summary>
    public IReadOnlyList<string>? ClassNames { get; private init; }

    /// <summary>
    /// The training images before any preprocessing, uint8 [N, C, H, W] on the CPU;
    /// only where the model's results show images, else null.
    /// </summary>
    public Tensor? Pixels { get; private init; }

    /// <param name="cache">Folder in which whitening matrices are kept.</param>
    /// <param name="keep">Folder of the run, which gets the whitening matrix beside the checkpoints; null for none.</param>
    public static TrainingData Prepare(
        Spec spec, ImageSet set, ulong seed, Device device, string cache, string? keep, Action<string> say,
        CancellationToken cancel = default)
    {
        var train = set.Train.First(spec.Data.TrainLimit);
        var test = set.Test.First(spec.Data.TestLimit);
        // Labels are keyed by the image's place in the data set's own order, before any shuffle or split.
        var corrupted = LabelCorruption.Apply(spec.Labels, train.Labels, set.Info.Classes, seed);

        var size = SplitSize.Of(spec.Data);
        Expect("training", train.Count, size.Train + size.Validation, spec, "train_limit");
        Expect("test", test.Count, size.Test, spec, "test_limit");
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
        if (validationIndex is not null) images.Dispose();

        Func<Tensor, Tensor, Split> make = Preprocessing(spec) == PreprocessingKind.Zca
            ? Whitened(trainImages, set.Info, spec.Data.ZcaEps, device, cache, keep, say, cancel)
            : Normalized(trainImages, Preprocessing(spec), device);

        Split Made(Tensor pixels, Tensor truth) => make(pixels, truth).ResizedTo(spec.Data.Resize, spec.Data.Interpolation);
        var trained = Made(trainImages, labels.index_select(0, trainIndex));
        if (corrupted.WrongShare > 0)
            trained.WithTruth(from_array(train.Labels.Select(l => (long)l).ToArray()).index_select(0, trainIndex).to(device, copy: true));
        return new(
            trained,
            validationImages is null ? null : Made(validationImages, labels.index_select(0, validationIndex!)),
            Made(testImages, testLabels),
            corrupted)
        {
            ClassNames = set.ClassNames,
            Pixels = spec.Model.ShowsImages ? trainImages.DetachFromDisposeScope() : null,
        };
    }

    /// <summary>The preprocessing with auto resolved: ZCA under a constraint, standardisation without.</summary>
    public static PreprocessingKind Preprocessing(Spec spec) => spec.Data.PreprocessingWhen(spec.Convexity is not NoConvexityOptions);

    private static void Expect(string split, int found, int expected, Spec spec, string limit)
    {
        if (found != expected)
            throw new DatasetException(
                $"{spec.Data.Name} holds {found:N0} {split} images where {expected:N0} should be: "
                + $"its files are not whole. Delete them and fetch them again, or set data.{limit}.");
    }

    // Block by block: a large split never lies in memory twice.
    private static Tensor Images(ImageSplit split, DatasetInfo info)
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

    private static Func<Tensor, Tensor, Split> Normalized(Tensor train, PreprocessingKind how, Device device)
    {
        var channels = train.shape[1];
        Tensor scale, shift;
        if (how is PreprocessingKind.Standardize or PreprocessingKind.Imagenet)
        {
            var (mean, deviation) = how == PreprocessingKind.Imagenet
                ? (from_array(ImageNetMean), from_array(ImageNetDeviation)) : ChannelStatistics(train);
            scale = deviation.mul(255).pow(-1).to(ScalarType.Float32);
            shift = mean.div(deviation).neg().to(ScalarType.Float32);
        }
        else
        {
            scale = full([channels], 1.0 / 255, ScalarType.Float32);
            shift = zeros([channels], ScalarType.Float32);
        }
        return (images, labels) => new Split(
            images.to(device).DetachFromDisposeScope(), Own(scale, device), Own(shift, device), Own(labels, device));
    }

    // Exact sums: pixels are whole numbers, so float64 holds them without rounding.
    private static (Tensor Mean, Tensor Deviation) ChannelStatistics(Tensor images)
    {
        var sum = zeros([images.shape[1]], ScalarType.Float64);
        var squares = zeros([images.shape[1]], ScalarType.Float64);
        var rows = Math.Max(1, 4_000_000 * images.shape[0] / images.numel());
        for (long at = 0, count = images.shape[0]; at < count; at += rows)
        {
            using var scope = NewDisposeScope();
            var block = images.narrow(0, at, Math.Min(rows, count - at)).to(ScalarType.Float64);
            sum.add_(block.sum([0, 2, 3]));
            squares.add_(block.square().sum([0, 2, 3]));
        }
        var values = images.numel() / images.shape[1];
        var mean = sum.div(values);
        var variance = squares.div(values).sub(mean.square()).clamp(min: 1e-4);
        return (mean.div(255), variance.sqrt().div(255));
    }

    private static Func<Tensor, Tensor, Split> Whitened(
        Tensor train, DatasetInfo info, double eps, Device device, string cache, string? keep, Action<string> say, CancellationToken cancel)
    {
        var flat = train.view(-1, info.Dimensions);
        var few = Whitening.IsFew(flat.shape[0], info.Dimensions);
        Directory.CreateDirectory(cache);
        var file = Path.Combine(cache, $"zca-{Fingerprint(flat, eps)}.safetensors");
        if (!File.Exists(file))
        {
            // Runs of the same images start together (seeds, labels): one of them does the work.
            using var alone = FileLock.Take(file + ".lock", say, cancel);
            if (!File.Exists(file))
            {
                var size = few ? flat.shape[0] : info.Dimensions;
                say($"ZCA whitening: eigenvalues of a {size} × {size} covariance (kept for next time)");
                var (fitted, fit) = few ? Whitening.FitFew(flat, eps) : Whitening.Fit(flat, eps);
                SafeTensors.Save(file, [("mean", fitted), (few ? "basis" : "matrix", fit)],
                    new Dictionary<string, string> { ["eps"] = eps.ToString("R") });
            }
        }
        var (tensors, _) = SafeTensors.Load(file);
        var (mean, matrix) = (tensors["mean"], tensors[few ? "basis" : "matrix"]);
        if (keep is not null) File.Copy(file, Path.Combine(keep, "whitening.safetensors"), overwrite: true);
        return (images, labels) =>
        {
            var pixels = images.view(-1, info.Dimensions);
            using var white = few ? Whitening.ApplyFew(pixels, mean, matrix, eps) : Whitening.Apply(pixels, mean, matrix);
            return new Split(white.view(images.shape).to(device).DetachFromDisposeScope(), Own(labels, device));
        };
    }

    private static string Fingerprint(Tensor images, double eps)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long at = 0, count = images.shape[0], rows = Math.Max(1, (64 << 20) / images.shape[1]); at < count; at += rows)
        {
            using var block = images.narrow(0, at, Math.Min(rows, count - at));
            hash.AppendData(block.bytes);
        }
        hash.AppendData(BitConverter.GetBytes(eps));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..24];
    }

    // A copy, for what several splits share; images are handed on as they are.
    private static Tensor Own(Tensor tensor, Device device) => tensor.to(device, copy: true).DetachFromDisposeScope();

    public void Dispose()
    {
        Train.Dispose();
        Validation?.Dispose();
        Test.Dispose();
        Pixels?.Dispose();
    }
}
