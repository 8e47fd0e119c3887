using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>
/// AllConv and IOC-AllConv (science.md S3): tables 2, 3 and 5 of the IOC paper;
/// All-CNN as table 2 of the DenseNet paper quotes it.
/// </summary>
internal static class AllConvPresets
{
    private const string Tables = "AllConv (IOC paper)";

    public static IEnumerable<Preset> All { get; } =
    [
        .. Twins("cifar10", "CIFAR-10", "T2, App. T1", new Cifar10Options(), "; DenseNet paper T2, All-CNN, C10+"),
        .. Twins("cifar100", "CIFAR-100", "T2", new Cifar100Options(), "; DenseNet paper T2, All-CNN, C100+"),
        .. Twins("cifair10", "ciFAIR-10", "T5", new Cifair10Options()),
        new("allconv-cifar10-plain", "AllConv, CIFAR-10, without augmentation", Tables, "DenseNet paper T2, All-CNN, C10",
            "All-CNN-C on the images as they are.", Recipe(new Cifar10Options(), false), NeedsGpu: true),
        .. new[] { 20, 40, 60, 80, 100 }.SelectMany(Noise),
    ];

    // S3.5: 350 epochs, a tenth of the rate after 200, 250 and 300; the convex network with a lower rate and without decay.
    private static Spec Recipe(DataOptions data, bool convex) => new()
    {
        Model = new AllConvOptions(),
        Convexity = convex ? new ExpEpsOptions() : new NoConvexityOptions(),
        Data = data,
        Optimizer = convex ? new SgdOptions { Lr = 0.01 } : new SgdOptions { Lr = 0.05, WeightDecay = 1e-3 },
        Schedule = new MultiStepScheduleOptions { Milestones = [200, 250, 300] },
        Training = new TrainingOptions { Epochs = 350, BatchSize = 128 },
    };

    private static IEnumerable<Preset> Twins(string key, string title, string table, DataOptions data, string quoted = "")
    {
        var augmented = new AugmentationOptions { Flip = true, PadCrop = 4 };
        yield return new($"allconv-{key}", $"AllConv, {title}", Tables, $"IOC paper {table}, {title}, NN{quoted}",
            "All-CNN-C with flips and shifts.", Recipe(data, false) with { Augmentation = augmented }, NeedsGpu: true);
        yield return new($"ioc-allconv-{key}", $"IOC-AllConv, {title}", Tables, $"IOC paper {table}, {title}, IOC-NN",
            "The convex All-CNN-C.", Recipe(data, true) with { Augmentation = augmented }, NeedsGpu: true);
    }

    // T3 trains until the loss is below 0.001 or for 2,000 epochs, on a share of exactly redrawn labels, without augmentation.
    private static IEnumerable<Preset> Noise(int percent)
    {
        foreach (var convex in new[] { false, true })
        {
            var spec = Recipe(new Cifar10Options(), convex);
            yield return new($"{(convex ? "ioc-" : "")}allconv-noise-{percent}",
                $"{(convex ? "IOC-" : "")}AllConv, CIFAR-10, {percent} % random labels", Tables,
                $"IOC paper T3, {percent} %, {(convex ? "IOC-NN" : "NN")}",
                "Peak and convergence under label noise; ends when the training loss is below 0.001.",
                spec with
                {
                    Labels = new PartialExactLabelOptions { P = percent / 100.0 },
                    Schedule = new ConstantScheduleOptions(),
                    Training = spec.Training with { Epochs = 2000, StopBelowLoss = 0.001 },
                }, NeedsGpu: true);
        }
    }
}
