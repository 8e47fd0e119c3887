using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>MLP-Mixer and IOC-MLPMixer (science.md S5): table 1 of seed 000, its mode and the convex one.</summary>
internal static class MixerPresets
{
    private const string Tables = "MLP-Mixer (seed 000, T1)";

    // S5.4 and S5.5: 72 pixels, flips, a fifth held out, Adam 1e-3, batch 512, 100 epochs, no schedule.
    private static readonly Spec Recipe = new()
    {
        Data = new Cifar10Options { Resize = 72, Preprocessing = PreprocessingKind.Standardize, Validation = 0.2 },
        Augmentation = new AugmentationOptions { Flip = true },
        Optimizer = new AdamOptions { Lr = 1e-3 },
        Training = new TrainingOptions { Epochs = 100, BatchSize = 512 },
    };

    public static IEnumerable<Preset> All { get; } =
    [
        new("mixer-cifar10", "MLP-Mixer, CIFAR-10", Tables, "seed 000 T1, MLP-Mixer", "LayerNorm and GELU.",
            Recipe with { Model = new MixerOptions { Mode = Fidelity.Seed } }, NeedsGpu: true),
        new("ioc-mixer-cifar10-seed", "IOC-MLPMixer as the seed's code, CIFAR-10", Tables, "seed 000 T1, IOC-MLPMixer",
            "LayerNorm is kept, so it is not convex; the first token layer is doubled.",
            Recipe with { Model = new MixerOptions { Mode = Fidelity.Seed }, Convexity = new ExpEpsOptions() }, NeedsGpu: true),
        new("ioc-mixer-cifar10", "IOC-MLPMixer, convex, CIFAR-10", Tables, "no published number (science.md S5, strict)",
            "BatchNorm instead of LayerNorm: convex.",
            Recipe with { Model = new MixerOptions { Mode = Fidelity.Strict }, Convexity = new ExpEpsOptions() }, NeedsGpu: true),
        new("mixer-cifar10-strict", "MLP-Mixer with BatchNorm, CIFAR-10", Tables, "no published number (science.md S5, strict)",
            "The unconstrained twin of the convex Mixer.",
            Recipe with { Model = new MixerOptions { Mode = Fidelity.Strict } }, NeedsGpu: true),
    ];
}
