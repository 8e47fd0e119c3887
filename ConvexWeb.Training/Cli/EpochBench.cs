using System.CommandLine;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Cli;

/// <summary>
/// <c>bench epoch</c>: seconds of one epoch over 50,000 images of CIFAR-10's shape,
/// batches cut, shuffled and normalised as in a run.
/// </summary>
internal static class EpochBench
{
    public static Command Create()
    {
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount };
        var images = new Option<int>("--images") { DefaultValueFactory = _ => 50_000 };
        var narrow = new Option<bool>("--narrow") { Description = "The MLP 1 × 512 of the randomization tests on crops of 28 × 28" };
        var command = new Command("epoch", "Seconds of one training epoch of the MLP of S2, batch 128, data pipeline included.")
        {
            threads, images, narrow,
        };
        command.SetAction(p =>
        {
            Processor.Use(p.GetValue(threads), cache: null);
            Console.WriteLine(Seconds(p.GetValue(images), p.GetValue(narrow)).ToString("0.000"));
            return ExitCodes.Done;
        });
        return command;
    }

    private static double Seconds(int count, bool isNarrow)
    {
        var spec = new Spec
        {
            Data = new Cifar10Options { TrainLimit = count, TestLimit = 1 },
            Training = new TrainingOptions { Epochs = 1, BatchSize = 128 },
        };
        if (isNarrow)
            spec = spec with
            {
                Model = new MlpOptions { Width = 512, Depth = 1, BatchNorm = false },
                Data = spec.Data with { Crop = 28 },
                Optimizer = new SgdOptions { Lr = 0.01 },
            };
        var info = DatasetInfo.Stored(spec.Data);
        var pixels = new byte[count * info.Dimensions];
        new Random(0).NextBytes(pixels);
        var labels = Enumerable.Range(0, count).Select(i => i % 10).ToArray();
        var set = new ImageSet(info, new ImageSplit(pixels, labels), new ImageSplit(pixels[..info.Dimensions], [0]));
        using var data = TrainingData.Prepare(spec, set, 0, CPU, Path.GetTempPath(), null, _ => { });
        using var events = new EventWriter(null, null, TimeProvider.System);
        using var trainer = new Trainer(spec, new TrainerSettings(0, CPU, null, false, TimeProvider.System), data, events);
        return trainer.TimeOneEpoch();
    }
}
