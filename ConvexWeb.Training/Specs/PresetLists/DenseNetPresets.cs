using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Options;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>
/// DenseNet and IOC-DenseNet (science.md S4):
/// tables 2 and 5 of the IOC paper, table 2 of the DenseNet paper, ImageNet of seed 000 5.4.
/// </summary>
internal static class DenseNetPresets
{
    private const string IocTables = "DenseNet (IOC paper)";
    private const string DenseNetTables = "DenseNet (DenseNet paper, T2)";
    private const string ImageNetTables = "DenseNet-121 (ImageNet)";

    public static IEnumerable<Preset> All { get; } =
    [
        .. Twins("cifar10", "CIFAR-10", "T2, App. T1", new Cifar10Options()),
        .. Twins("cifar100", "CIFAR-100", "T2", new Cifar100Options()),
        .. Twins("cifair10", "ciFAIR-10", "T5", new Cifair10Options()),
        .. new[] { DenseNetVariant.D40_12, DenseNetVariant.D100_12, DenseNetVariant.Bc100_12 }.SelectMany(Published),
        .. ImageNet(),
    ];

    // S4.5: Nesterov 0.9, decay 1e-4, batch 64, a tenth of the rate at half and three quarters; dropout 0.2 where nothing is augmented.
    private static Spec Recipe(DataOptions data, DenseNetVariant variant, bool augmented, int epochs = 300) => new()
    {
        Model = new DenseNetOptions { Variant = variant, Dropout = augmented ? 0 : 0.2 },
        Data = data,
        Augmentation = augmented ? new AugmentationOptions { Flip = true, PadCrop = 4 } : new AugmentationOptions(),
        Optimizer = new SgdOptions { Lr = 0.1, Nesterov = true, WeightDecay = 1e-4 },
        Schedule = new MultiStepScheduleOptions { Milestones = [epochs / 2, epochs * 3 / 4] },
        Training = new TrainingOptions { Epochs = epochs, BatchSize = 64 },
    };

    // The IOC paper gives no depth: BC-100-12 without augmentation comes closest to its number for the base.
    private static IEnumerable<Preset> Twins(string key, string title, string table, DataOptions data)
    {
        var spec = Recipe(data with { Preprocessing = PreprocessingKind.Standardize }, DenseNetVariant.Bc100_12, augmented: false);
        yield return new($"densenet-{key}", $"DenseNet, {title}", IocTables, $"IOC paper {table}, {title}, NN",
            "DenseNet-BC-100-12; the paper does not name the depth.", spec, NeedsGpu: true);
        yield return new($"ioc-densenet-{key}", $"IOC-DenseNet, {title}", IocTables, $"IOC paper {table}, {title}, IOC-NN",
            "The convex DenseNet-BC-100-12.", spec with { Convexity = new ExpEpsOptions() }, NeedsGpu: true);
    }

    private static IEnumerable<Preset> Published(DenseNetVariant variant)
    {
        var word = ChoiceWord.Of(variant);
        var (key, name) = (word.Replace('_', '-'), $"DenseNet-{word.Replace("bc_", "BC-").Replace('_', '-')}");
        foreach (var plus in new[] { false, true })
        {
            var sign = plus ? "+" : "";
            (string, string, DataOptions)[] sets = [("cifar10", "C10", new Cifar10Options()), ("cifar100", "C100", new Cifar100Options())];
            foreach (var (set, title, data) in sets)
                yield return new($"densenet-{key}-{set}{(plus ? "-plus" : "")}", $"{name}, {title}{sign}", DenseNetTables,
                    $"DenseNet paper T2, {name}, {title}{sign}",
                    plus ? "With flips and shifts." : "Without augmentation, with dropout.",
                    Recipe(data with { Preprocessing = PreprocessingKind.Standardize }, variant, plus), NeedsGpu: true);
        }
        // SVHN: /255, no augmentation, 6,000 images for validation, 40 epochs.
        var svhn = new SvhnOptions { Preprocessing = PreprocessingKind.None, Validation = 6000.0 / 73_257 };
        yield return new($"densenet-{key}-svhn", $"{name}, SVHN", DenseNetTables, $"DenseNet paper T2, {name}, SVHN",
            "Pixels divided by 255, 6,000 validation images; without the extra images of the source.",
            Recipe(svhn, variant, augmented: false, epochs: 40), NeedsGpu: true);
    }

    private static IEnumerable<Preset> ImageNet()
    {
        // Without Nesterov, as in the code of the two twins; the paper's own recipe has it.
        var spec = new Spec
        {
            Model = new DenseNetOptions { Variant = DenseNetVariant.D121 },
            Data = new ImageNetOptions { ImageSize = 224, Preprocessing = PreprocessingKind.Standardize },
            Augmentation = new AugmentationOptions { Flip = true },
            Optimizer = new SgdOptions { Lr = 0.1, WeightDecay = 1e-4 },
            Training = new TrainingOptions { Epochs = 30, BatchSize = 256 },
        };
        const string Memory
            = " The whole split lies in memory as uint8: 193 GB at 224 pixels; lower data.image_size where that is not there.";
        yield return new("densenet-121-imagenet-paper", "DenseNet-121, ImageNet, 90 epochs", ImageNetTables,
            "DenseNet paper T3 (single crop, 25.02 % error)", "Flips and centre crops only." + Memory,
            spec with
            {
                Optimizer = new SgdOptions { Lr = 0.1, Nesterov = true, WeightDecay = 1e-4 },
                Schedule = new MultiStepScheduleOptions { Milestones = [30, 60] },
                Training = spec.Training with { Epochs = 90 },
            }, NeedsGpu: true);
        yield return new("densenet-121-imagenet", "DenseNet-121, ImageNet", ImageNetTables, "seed 000 5.4, base",
            "Flips and centre crops only." + Memory,
            spec with { Schedule = new MultiStepScheduleOptions { Milestones = [15, 22] } }, NeedsGpu: true);
        yield return new("ioc-densenet-121-imagenet", "IOC-DenseNet-121, ImageNet", ImageNetTables, "seed 000 5.4, IOC",
            "The rate falls on a plateau of the training loss." + Memory,
            spec with { Convexity = new ExpEpsOptions(), Schedule = new PlateauScheduleOptions() }, NeedsGpu: true);
    }
}
