using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Options;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>CycleMLP-B1 and IOC-CycleMLP (science.md S6): tables 2 and 3 of seed 000.</summary>
internal static class CycleMlpPresets
{
    private const string Tables = "CycleMLP (seed 000, T2 and T3)";

    private static readonly PresetNotes OfSeed = new(
        "Which launch the seed used is not found: one process sees the same 16,640 of 50,000 images in every epoch (this preset; so its "
        + "training cells may be over those), several see another third each time (-ra-reshuffled); -full shows all. Mixup and CutMix are "
        + "off: the code prints a training accuracy only then. Colour jitter, since the code's default for RandAugment is none.",
        "Float32 in place of fp16 with a gradient scaler. Table 2's training cells are the running means of the last epoch "
        + "(train/accuracy_epoch_running, train/objective_epoch_running), with label smoothing; test cells are plain cross-entropy. "
        + "Table 3's loss cells are not the ends of figure 2's curves (1.574 and 2.516 against 1.525 and 2.711).");

    private static readonly PresetNotes Strict = new(
        "BatchNorm in place of LayerNorm, learned non-negative coefficients in place of the softmax gate. All images in each epoch.",
        "The network is not the source's, whose LayerNorm and gate break convexity: there is no published number for this one.");

    private static readonly PresetNotes Authors = new(
        "The number of processes: a third of the images in each epoch, another one each time, as the official sampler has it for "
        + "several. The rest are the official defaults.",
        "Float32 in place of fp16; RandAugment moves images bilinearly, timm's by the recipe's bicubic filter. No number is published on "
        + "this data set.");

    public static IEnumerable<Preset> All =>
    [
        .. Of("cifar10", "CIFAR-10", "T2", new Cifar10Options()),
        .. Of("cifar100", "CIFAR-100", "T3", new Cifar100Options()),
        ImageNet(),
    ];

    // S6.5, the official defaults: the rate 5e-4 is scaled by 64/512, begins at 1e-6 and falls to 1e-5, neither of which is scaled.
    private static Spec Recipe(DataOptions data, SamplerKind sampler) => new()
    {
        Data = data with
        {
            Resize = 224,
            EvaluationResize = 256,
            Interpolation = Interpolation.Bicubic,
            Preprocessing = PreprocessingKind.Imagenet,
        },
        Augmentation = new AugmentationOptions { Flip = true, ResizedCrop = 0.08, ColourJitter = 0.4, RandomErasing = 0.25 },
        Optimizer = new AdamWOptions { Lr = 6.25e-5, WeightDecay = 0.05, WeightDecayOn = DecayedTensors.Matrices },
        Schedule = new TimmCosineScheduleOptions { WarmupEpochs = 5, WarmupFactor = 0.016, FinalFactor = 0.16 },
        Training = new TrainingOptions
        {
            Epochs = 300,
            BatchSize = 64,
            LabelSmoothing = 0.1,
            EmaDecay = 0.99996,
            Sampler = sampler,
            DropLast = true,
        },
    };

    private static Spec WithAuthorsAugmentation(Spec recipe) => recipe with
    {
        Augmentation = recipe.Augmentation with { ColourJitter = 0, RandAugment = 9, Mixup = 0.8, Cutmix = 1 },
    };

    private static Preset ImageNet()
    {
        var recipe = Recipe(new ImageNetOptions { ImageSize = 256 }, SamplerKind.RaReshuffled);
        return new("cycle-mlp-imagenet", "CycleMLP-B1, ImageNet", "CycleMLP (its authors, ImageNet)", "CycleMLP's README, B1: 78.9 % top-1",
            "The authors' augmentation. Stored as 262 GB of pixels on disk and read from there.",
            new("The number of processes: by repeated augmentation with a new order in every epoch, as several have it.",
                "Photographs are kept as their middle squares of 256 pixels, and boxes are cut out of those. Float32 in place of fp16. The "
                + "rate is that of batch 64 on one device. RandAugment moves images bilinearly, timm's by the recipe's bicubic filter."),
            WithAuthorsAugmentation(recipe) with { Model = new CycleMlpOptions { Mode = Fidelity.Seed, DropPath = 0.1 } }, NeedsGpu: true);
    }

    private static IEnumerable<Preset> Of(string key, string title, string table, DataOptions data)
    {
        var seed = new CycleMlpOptions { Mode = Fidelity.Seed, DropPath = 0.1 };
        var strict = new CycleMlpOptions { Mode = Fidelity.Strict, DropPath = 0.1 };
        foreach (var (sampler, suffix) in
            new[] { (SamplerKind.RaSingleProcess, ""), (SamplerKind.RaReshuffled, "-ra-reshuffled"), (SamplerKind.Full, "-full") })
        {
            var recipe = Recipe(data, sampler);
            var shows = $"Sampler {ChoiceWord.Of(sampler)}.";
            yield return new($"cycle-mlp-{key}{suffix}", $"CycleMLP-B1, {title}{Of(sampler)}", Tables, $"seed 000 {table}, CycleMLP",
                $"Without mixing, as its training accuracy shows. {shows}", OfSeed, recipe with { Model = seed }, NeedsGpu: true);
            yield return new($"ioc-cycle-mlp-{key}-seed{suffix}", $"IOC-CycleMLP as the seed's code, {title}{Of(sampler)}", Tables,
                $"seed 000 {table}, IOC-CycleMLP", $"LayerNorm and the gate are kept, so it is not convex. {shows}", OfSeed,
                recipe with { Model = seed, Convexity = new ExpEpsOptions() }, NeedsGpu: true);
        }
        var whole = Recipe(data, SamplerKind.Full);
        yield return new($"ioc-cycle-mlp-{key}-seed-ddp", $"IOC-CycleMLP as the seed's code on several processes, {title}", Tables,
            $"seed 000 {table}, IOC-CycleMLP",
            "The list of unconstrained tensors matches nothing there: the patch embedding is constrained too. Sampler ra_reshuffled.",
            OfSeed,
            Recipe(data, SamplerKind.RaReshuffled) with
            {
                Model = seed with { ExemptList = SourceLaunch.Ddp },
                Convexity = new ExpEpsOptions(),
            }, NeedsGpu: true);
        yield return new($"ioc-cycle-mlp-{key}", $"IOC-CycleMLP, convex, {title}", Tables,
            "no published number (science.md S6, strict)", "BatchNorm and learned coefficients: convex.", Strict,
            whole with
            {
                Model = strict,
                Convexity = new ExpEpsOptions(),
            }, NeedsGpu: true);
        yield return new($"cycle-mlp-{key}-strict", $"CycleMLP-B1 with BatchNorm, {title}", Tables,
            "no published number (science.md S6, strict)", "The unconstrained twin of the convex CycleMLP.", Strict,
            whole with { Model = strict }, NeedsGpu: true);
        yield return new($"cycle-mlp-{key}-authors", $"CycleMLP-B1 with the authors' augmentation, {title}", Tables,
            "CycleMLP's official defaults; no published number on this data set", "RandAugment, Mixup and CutMix on.", Authors,
            WithAuthorsAugmentation(Recipe(data, SamplerKind.RaReshuffled)) with { Model = seed }, NeedsGpu: true);
    }

    private static string Of(SamplerKind sampler) => sampler switch
    {
        SamplerKind.RaReshuffled => ", another third of the images in each epoch",
        SamplerKind.Full => ", all images in each epoch",
        _ => "",
    };
}
