using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>Further work of seed 000 (science.md S7a, S7b): systems without published numbers; the recipes are ours.</summary>
internal static class FurtherPresets
{
    private const string Group = "Further work (seed 000, s6)";

    public static IEnumerable<Preset> All => [.. EfficientNets(), .. Heads()];

    private static readonly PresetNotes OfEfficientNet = new(
        "The seed only names the network. Network, stochastic depth, squeeze sizes and initialisation are torchvision's; the recipe is "
        + "ours; stem stride 1 for images of 32 pixels.",
        "SGD with a cosine where the paper has RMSProp (0.9, 0.9), weight decay 1e-5 and a rate that falls by 3 % every 2.4 epochs.");

    private static readonly PresetNotes OfHeads = new("All of it: the seed only names the idea.", "There is no recipe to differ from.");

    private static IEnumerable<Preset> EfficientNets()
    {
        var spec = new Spec
        {
            Data = new Cifar10Options { Preprocessing = PreprocessingKind.Standardize },
            Augmentation = new AugmentationOptions { Flip = true, PadCrop = 4 },
            Optimizer = new SgdOptions { Lr = 0.05, Nesterov = true, WeightDecay = 1e-4 },
            Schedule = new CosineScheduleOptions { WarmupEpochs = 5 },
            Training = new TrainingOptions { Epochs = 100, BatchSize = 128 },
            Model = new EfficientNetOptions(),
        };
        yield return new("efficientnet-cifar10", "EfficientNet-B0, CIFAR-10", Group, "seed 000 s6; no published number",
            "With squeeze and excitation.", OfEfficientNet, spec, NeedsGpu: true);
        yield return new("ioc-efficientnet-cifar10", "IOC-EfficientNet-B0, CIFAR-10", Group, "seed 000 s6; no published number",
            "Without squeeze and excitation: convex.", OfEfficientNet,
            spec with { Convexity = new ExpEpsOptions() }, NeedsGpu: true);
        var scale = new EfficientNetOptions { SqueezeExcitation = SqueezeChoice.Scale };
        yield return new("ioc-efficientnet-scale-cifar10", "IOC-EfficientNet-B0 with channel scales, CIFAR-10", Group,
            "seed 000 s6; no published number", "A learned scale for each channel instead of the gate: convex.", OfEfficientNet,
            spec with { Model = scale, Convexity = new ExpEpsOptions() }, NeedsGpu: true);
    }

    private static IEnumerable<Preset> Heads()
    {
        var spec = new Spec
        {
            Model = new ConvexHeadOptions(),
            Data = new Cifar10Options { Preprocessing = PreprocessingKind.Standardize, Validation = 0.1 },
            Optimizer = new AdamOptions { Lr = 1e-3 },
            Training = new TrainingOptions { Epochs = 100, BatchSize = 128, Patience = 20 },
        };
        yield return new("convex-head-cifar10", "Convex head on a CNN, CIFAR-10", Group, "seed 000 s6; no published number",
            "Convex in the features, not in the pixels.", OfHeads, spec with { Convexity = new ExpEpsOptions() }, NeedsGpu: true);
        yield return new("free-head-cifar10", "Free head on a CNN, CIFAR-10", Group, "seed 000 s6; no published number",
            "The unconstrained twin of the convex head.", OfHeads, spec, NeedsGpu: true);
        yield return new("convex-body-cifar10", "Convex CNN, head and body, CIFAR-10", Group, "seed 000 s6; no published number",
            "The same network, convex in the pixels.", OfHeads,
            spec with { Model = new ConvexHeadOptions { Body = BodyKind.Convex }, Convexity = new ExpEpsOptions() }, NeedsGpu: true);

        // Noise robustness of the three (science.md S7b).
        var noisy = spec with { Labels = new PartialExactLabelOptions { P = 0.4 } };
        yield return new("convex-head-cifar10-noise-40", "Convex head on a CNN, CIFAR-10, 40 % random labels", Group,
            "seed 000 s6; no published number", "Convex in the features.", OfHeads,
            noisy with { Convexity = new ExpEpsOptions() }, NeedsGpu: true);
        yield return new("free-head-cifar10-noise-40", "Free head on a CNN, CIFAR-10, 40 % random labels", Group,
            "seed 000 s6; no published number", "The unconstrained twin.", OfHeads, noisy, NeedsGpu: true);
        yield return new("convex-body-cifar10-noise-40", "Convex CNN, head and body, CIFAR-10, 40 % random labels", Group,
            "seed 000 s6; no published number", "Convex in the pixels.", OfHeads,
            noisy with { Model = new ConvexHeadOptions { Body = BodyKind.Convex }, Convexity = new ExpEpsOptions() }, NeedsGpu: true);
    }
}
