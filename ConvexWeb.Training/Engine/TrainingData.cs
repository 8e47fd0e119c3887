using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The splits of a run on its device, and what was done to the training labels.</summary>
public sealed class TrainingData : IDisposable
{
    private TrainingData(Split train, Split? validation, Split test, Split? noisyTest, CorruptedLabels labels)
    {
        NoisyTest = noisyTest;
        Train = train;
        Validation = validation;
        Test = test;
        Labels = labels;
    }

    public Split Train { get; }
    public Split? Validation { get; }
    public Split Test { get; }

    /// <summary>The test images with the noise that the spec adds to the training images; null where it adds none.</summary>
    public Split? NoisyTest { get; }
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
        var order = size.Validation == 0 ? [.. Enumerable.Range(0, train.Count)]
            : spec.Data.ValidationPart == ValidationPart.First
                ? [.. Enumerable.Range(size.Validation, size.Train), .. Enumerable.Range(0, size.Validation)]
                : RandomStreams.Validation(seed, train.Count);
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var (trainPlaces, validationPlaces) = (order[..size.Train], size.Validation > 0 ? order[size.Train..] : null);
        ISplits splits = spec.Data.IsStreamed
            ? new StreamedSplits(spec, set.Info, train, test, trainPlaces, validationPlaces, device)
            : new LoadedSplits(
                spec, set.Info, seed, train, test, trainPlaces, validationPlaces, device, new(cache, keep, say, cancel));
        Tensor At(int[] labels, int[] places) => from_array(places.Select(place => (long)labels[place]).ToArray()).to(device, copy: true);

        var trained = splits.Train(At(corrupted.Labels, trainPlaces).DetachFromDisposeScope());
        if (corrupted.WrongShare > 0) trained.WithTruth(At(train.Labels, trainPlaces));
        var held = spec.Labels is CorruptedLabelOptions { ValidationLabels: ValidationLabels.Clean } ? train.Labels : corrupted.Labels;
        Tensor TestLabels() => At(test.Labels, [.. Enumerable.Range(0, test.Count)]).DetachFromDisposeScope();
        return new(
            trained,
            validationPlaces is null ? null : splits.Validation(At(held, validationPlaces).DetachFromDisposeScope()),
            splits.Test(TestLabels()),
            spec.Pixels is Pixels.AddedNoiseOptions ? splits.NoisyTest(TestLabels()) : null,
            corrupted)
        {
            ClassNames = set.ClassNames,
            Pixels = spec.Model.ShowsImages ? (splits as LoadedSplits)?.TakePixels() : null,
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

    public void Dispose()
    {
        Train.Dispose();
        Validation?.Dispose();
        Test.Dispose();
        NoisyTest?.Dispose();
        Pixels?.Dispose();
    }
}
