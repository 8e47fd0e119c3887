using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>CycleMLP-B1 and IOC-CycleMLP (science.md S6): tables 2 and 3 of seed 000.</summary>
internal static class CycleMlpPresets
{
    private const string Tables = "CycleMLP (seed 000, T2 and T3)";

    public static IEnumerable<Preset> All { get; } =
    [
        .. Of("cifar10", "CIFAR-10", "T2", new Cifar10Options()),
        .. Of("cifar100", "CIFAR-100", "T3", new Cifar100Options()),
        ImageNet(),
    ];

    // S6.5, the official defaults: the rate 5e-4 is scaled by 64/512, begins at 1e-6, and falls to 1e-5. Repeated augmentation is left out.
    private static Spec Recipe(DataOptions data) => new()
    {
        Data = data with { Resize = 224, Interpolation = Interpolation.Bicubic, Preprocessing = PreprocessingKind.Imagenet },
        Augmentation = new AugmentationOptions { Flip = true, PadCrop = 4, ColourJitter = 0.4, RandomErasing = 0.25 },
        Optimizer = new AdamWOptions { Lr = 6.25e-5, WeightDecay = 0.05 },
        Schedule = new CosineScheduleOptions { WarmupEpochs = 5, WarmupFactor = 0.016, FinalFactor = 0.16 },
        Training = new TrainingOptions { Epochs = 300, BatchSize = 64, LabelSmoothing = 0.1, EmaDecay = 0.99996 },
    };

    private static Preset ImageNet()
    {
        var recipe = Recipe(new ImageNetOptions { ImageSize = 224 });
        return new("cycle-mlp-imagenet", "CycleMLP-B1, ImageNet", "CycleMLP (its authors, ImageNet)", "CycleMLP's README, B1: 78.9 % top-1",
            "The authors' augmentation. Pad-and-crop stands in for the random resized crop; no repeated augmentation. "
            + "The whole split lies in memory as uint8: 193 GB.", recipe with
            {
                Model = new CycleMlpOptions { Mode = Fidelity.Seed, DropPath = 0.1 },
                Data = recipe.Data with { Resize = null },
                Augmentation = recipe.Augmentation with { ColourJitter = 0, RandAugment = 9, Mixup = 0.8, Cutmix = 1 },
            }, NeedsGpu: true);
    }

    private static IEnumerable<Preset> Of(string key, string title, string table, DataOptions data)
    {
        const string Note = " Pad-and-crop stands in for the random resized crop; no repeated augmentation; "
            + "images are augmented at their own size and then enlarged.";
        var recipe = Recipe(data);
        var seed = new CycleMlpOptions { Mode = Fidelity.Seed, DropPath = 0.1 };
        var strict = new CycleMlpOptions { Mode = Fidelity.Strict, DropPath = 0.1 };
        yield return new($"cycle-mlp-{key}", $"CycleMLP-B1, {title}", Tables, $"seed 000 {table}, CycleMLP",
            "Without mixing, as its training accuracy shows." + Note, recipe with { Model = seed }, NeedsGpu: true);
        yield return new($"ioc-cycle-mlp-{key}-seed", $"IOC-CycleMLP as the seed's code, {title}", Tables,
            $"seed 000 {table}, IOC-CycleMLP", "LayerNorm and the gate are kept, so it is not convex." + Note,
            recipe with { Model = seed, Convexity = new ExpEpsOptions() }, NeedsGpu: true);
        yield return new($"ioc-cycle-mlp-{key}", $"IOC-CycleMLP, convex, {title}", Tables,
            "no published number (science.md S6, strict)", "BatchNorm and learned coefficients: convex." + Note,
            recipe with { Model = strict, Convexity = new ExpEpsOptions() }, NeedsGpu: true);
        yield return new($"cycle-mlp-{key}-strict", $"CycleMLP-B1 with BatchNorm, {title}", Tables,
            "no published number (science.md S6, strict)", "The unconstrained twin of the convex CycleMLP." + Note,
            recipe with { Model = strict }, NeedsGpu: true);
        yield return new($"cycle-mlp-{key}-authors", $"CycleMLP-B1 with the authors' augmentation, {title}", Tables,
            "CycleMLP's official defaults; no published number on this data set", "RandAugment, Mixup and CutMix on." + Note,
            recipe with
            {
                Model = seed,
                Augmentation = recipe.Augmentation with { ColourJitter = 0, RandAugment = 9, Mixup = 0.8, Cutmix = 1 },
            }, NeedsGpu: true);
    }
}
