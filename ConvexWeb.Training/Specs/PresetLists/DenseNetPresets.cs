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

    public static IEnumerable<Preset> All =>
    [
        .. Twins("cifar10", "CIFAR-10", "T2, App. T1", new Cifar10Options()),
        .. Twins("cifar100", "CIFAR-100", "T2", new Cifar100Options()),
        .. Twins("cifair10", "ciFAIR-10", "T5", new Cifair10Options()),
        .. Singh(),
        .. new[] { DenseNetVariant.D40_12, DenseNetVariant.D100_12, DenseNetVariant.Bc100_12 }.SelectMany(Published),
        .. ImageNet(),
    ];

    private static readonly PresetNotes OfTwins = new(
        "BC-100-12 without augmentation, dropout 0.2 behind every convolution but the first: the IOC paper says \"growth rate k = 12\" "
        + "only, and 94.06 % fits this one (94.08 %). The convex network is whitened, as the paper's s4 says of all of them, and the base "
        + "standardised; ioc-densenet-cifar10-standardized is not whitened.",
        "Nothing known. Weight decay under the operator keeps weights at its floor, as it must have in the paper.");

    private static readonly PresetNotes OfPaper = new(
        "Nothing: recipe and splits are in the paper.",
        "The paper's final CIFAR runs use all 50,000 images and report the error at the end: so do these, and the last epoch counts, "
        + "not the peak.");

    private static readonly PresetNotes OfSvhn = new(
        "Nothing: recipe and splits are in the paper.",
        "Without the 531,131 extra images of the source; of 73,257 training images 6,000 validate, and the best of them counts.");

    private const string Squares =
        "Photographs are kept as their middle squares of 256 pixels, and boxes are cut out of those, not of the whole photograph.";

    private static readonly PresetNotes OfImageNetPaper = new(
        "Crop and evaluation are those of torchvision's recipe; the paper says \"224 crops\".", Squares);

    private static readonly PresetNotes OfSeed = new(
        "Which of three schedules of the code's history gave \"close to 75 %\" and \"10 %\" is not found: HEAD's is the default (base a "
        + "tenth at half and three quarters of 30 epochs, convex on a plateau of the training loss); -steps and -90 are the other two.",
        Squares + " The source resumed its base from a checkpoint at 0.63, which is not public; its test images are ILSVRC's validation. "
        + "The plateau follows the loss over all training images in evaluation, where a source's log has the running mean of an epoch.");

    // S4.5: Nesterov 0.9, decay 1e-4, batch 64, a tenth of the rate at half and three quarters; dropout 0.2 where nothing is augmented.
    internal static Spec Recipe(DataOptions data, DenseNetVariant variant, bool augmented, int epochs = 300) => new()
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
            "DenseNet-BC-100-12; the paper does not name the depth.", OfTwins, spec, NeedsGpu: true);
        var convex = spec with { Convexity = new ExpEpsOptions() };
        yield return new($"ioc-densenet-{key}", $"IOC-DenseNet, {title}", IocTables, $"IOC paper {table}, {title}, IOC-NN",
            "The convex DenseNet-BC-100-12, whitened.", OfTwins,
            convex with { Data = data with { Preprocessing = PreprocessingKind.Zca } }, NeedsGpu: true);
        if (data is Cifar10Options)
            yield return new($"ioc-densenet-{key}-standardized", $"IOC-DenseNet, {title}, not whitened", IocTables,
                $"IOC paper {table}, {title}, IOC-NN", "Standardised as its base.", OfTwins, convex, NeedsGpu: true);
    }

    // Singh's own code: its CIFAR defaults, with the learning rate's steps where ten epochs put them.
    private static IEnumerable<Preset> Singh()
    {
        var data = new Cifar10Options { Preprocessing = PreprocessingKind.Standardize, Validation = 0.2 };
        var spec = Recipe(data, DenseNetVariant.Bc100_12, augmented: true, epochs: 10) with
        {
            Model = new DenseNetOptions { DropoutAfter = DropoutPlace.LayerEnd },
        };
        var notes = new PresetNotes(
            "Ten epochs are the code's default; whether its results had more is not found. Its dropout is 0 by default and stands behind "
            + "the 3 × 3 convolutions.",
            "His convolutions start by their outputs (He), ours by their inputs. His test accuracy is that of "
            + "his 20 % for validation; here the test images are measured too. He "
            + "normalises by fixed statistics of CIFAR-10, here by those of the training part.");
        foreach (var convex in new[] { false, true })
            yield return new($"singh-{(convex ? "ioc-" : "")}densenet-cifar10",
                $"{(convex ? "IOC-" : "")}DenseNet by Singh's protocol, CIFAR-10", IocTables,
                "gsc2001/ConvexNet (seed 000)", "A fifth for validation, ten epochs.", notes,
                spec with { Convexity = convex ? new ExpEpsOptions() : new NoConvexityOptions() }, NeedsGpu: true);
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
                    plus ? "With flips and shifts." : "Without augmentation, with dropout.", OfPaper,
                    Recipe(data with { Preprocessing = PreprocessingKind.Standardize }, variant, plus), NeedsGpu: true);
        }
        // SVHN: /255, no augmentation, 6,000 images for validation, 40 epochs.
        var svhn = new SvhnOptions { Preprocessing = PreprocessingKind.None, Validation = 6000.0 / 73_257 };
        yield return new($"densenet-{key}-svhn", $"{name}, SVHN", DenseNetTables, $"DenseNet paper T2, {name}, SVHN",
            "Pixels divided by 255, 6,000 validation images; without the extra images of the source.", OfSvhn,
            Recipe(svhn, variant, augmented: false, epochs: 40), NeedsGpu: true);
    }

    // Random resized crops of 224 and the middle 224 of 256, which is what images are stored at. Batch 64 and no Nesterov in the seed's
    // code, 256 and Nesterov in the paper.
    private static IEnumerable<Preset> ImageNet()
    {
        var data = new ImageNetOptions
        {
            ImageSize = 256,
            Resize = 224,
            EvaluationResize = 256,
            Preprocessing = PreprocessingKind.Imagenet,
        };
        var spec = new Spec
        {
            Model = new DenseNetOptions { Variant = DenseNetVariant.D121 },
            Data = data,
            Augmentation = new AugmentationOptions { Flip = true, ResizedCrop = 0.08 },
            Optimizer = new SgdOptions { Lr = 0.1, WeightDecay = 1e-4 },
            Training = new TrainingOptions { Epochs = 30, BatchSize = 64 },
        };
        const string Source = "seed 000 5.4", Stored = " Stored as 262 GB of pixels on disk and read from there.";
        yield return new("densenet-121-imagenet-paper", "DenseNet-121, ImageNet, 90 epochs", ImageNetTables,
            "DenseNet paper T3 (single crop, 25.02 % error)", "The paper's recipe." + Stored, OfImageNetPaper,
            spec with
            {
                Optimizer = new SgdOptions { Lr = 0.1, Nesterov = true, WeightDecay = 1e-4 },
                Schedule = new MultiStepScheduleOptions { Milestones = [30, 60] },
                Training = spec.Training with { Epochs = 90, BatchSize = 256 },
            }, NeedsGpu: true);
        yield return new("densenet-121-imagenet", "DenseNet-121, ImageNet", ImageNetTables, $"{Source}, base",
            "A tenth of the rate at half and three quarters." + Stored, OfSeed,
            spec with { Schedule = new MultiStepScheduleOptions { Milestones = [15, 22] } }, NeedsGpu: true);
        yield return new("ioc-densenet-121-imagenet", "IOC-DenseNet-121, ImageNet", ImageNetTables, $"{Source}, IOC",
            "The rate falls on a plateau of the training loss." + Stored, OfSeed,
            spec with { Data = data, Convexity = new ExpEpsOptions(), Schedule = new PlateauScheduleOptions() }, NeedsGpu: true);
        foreach (var convex in new[] { false, true })
        {
            var (key, name) = convex ? ("ioc-densenet", "IOC-DenseNet") : ("densenet", "DenseNet");
            var twin = spec with { Convexity = convex ? new ExpEpsOptions() : new NoConvexityOptions() };
            yield return new($"{key}-121-imagenet-steps", $"{name}-121, ImageNet, a tenth every 10 of 30 epochs", ImageNetTables,
                $"{Source}, {(convex ? "IOC" : "base")}; code of 9 April 2022", "An earlier schedule of the source." + Stored, OfSeed,
                twin with { Schedule = new MultiStepScheduleOptions { Milestones = [10, 20] } }, NeedsGpu: true);
            yield return new($"{key}-121-imagenet-90", $"{name}-121, ImageNet, a tenth every 30 of 90 epochs", ImageNetTables,
                $"{Source}, {(convex ? "IOC" : "base")}; the code before that", "The first schedule of the source." + Stored, OfSeed,
                twin with
                {
                    Schedule = new MultiStepScheduleOptions { Milestones = [30, 60] },
                    Training = spec.Training with { Epochs = 90 },
                }, NeedsGpu: true);
        }
    }
}
