using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Pixels;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>
/// The randomization tests of Zhang et al. 2017 (science.md S8): table 1, the curves of figure 1, and convex twins of its networks.
/// </summary>
internal static class RandomizationPresets
{
    private const string Table = "Randomization tests (Zhang et al., T1)";
    private const string Figures = "Randomization tests (Zhang et al., figures)";
    private const string Levels = "0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1";

    private sealed record Network(string Key, string Title, ModelOptions Model, double Lr);

    private static readonly Network Inception = new("inception", "small Inception", new SmallInceptionOptions(), 0.1);
    private static readonly Network Plain = new(
        "inception-no-bn", "small Inception without BatchNorm", new SmallInceptionOptions { BatchNorm = false }, 0.1);
    private static readonly Network AlexNet = new("alexnet", "small AlexNet", new SmallAlexNetOptions(), 0.01);
    private static readonly Network Deep = new("mlp-3x512", "MLP 3 × 512", Mlp(3), 0.01);
    private static readonly Network Shallow = new("mlp-1x512", "MLP 1 × 512", Mlp(1), 0.01);

    private static MlpOptions Mlp(int depth) => new() { Width = 512, Depth = depth, BatchNorm = false, Init = MlpStart.Pluskid };

    private static readonly PresetNotes Notes = new(
        "Batch 128, at most 100 epochs, an end at 100 % or a loss below 0.001, start and weight decay (5e-4, on weights only) are those of "
        + "public reproductions: the paper names none of them. Channels, strides and the norm's numbers of AlexNet are inferred.",
        "Table 1 is read from copies of the paper. Test images are the middle 28 × 28.");

    private static readonly PresetNotes Twin = new(
        "All of it: the paper has no convex networks. BatchNorm and ELU in the base's place, and no local response norm, which breaks "
        + "convexity; the same recipe: base and twin differ in the activation, ReLU or ELU, and the constraint.",
        "There is no source to differ from. Each image is whitened by itself, so the network is convex in the whitened image, not in the "
        + "pixels; its certificate is about that.");

    public static IEnumerable<Preset> All =>
    [
        // Train and test accuracy: crop with decay, crop, decay, none, random labels; "" where the table has none.
        .. Cells(Inception, "100.0/89.05", "100.0/89.31", "100.0/86.03", "100.0/85.75", "100.0/9.78"),
        .. Cells(Plain, "", "", "100.0/83.00", "100.0/82.00", "100.0/10.12"),
        .. Cells(AlexNet, "99.90/81.22", "99.82/79.66", "100.0/77.36", "100.0/76.07", "99.82/9.86"),
        .. Cells(Deep, "", "", "100.0/53.35", "100.0/52.39", "100.0/10.48"),
        .. Cells(Shallow, "", "", "99.80/50.39", "100.0/50.51", "99.34/10.61"),
        WithoutNorms(),
        .. Curves(Inception), .. Curves(AlexNet), .. Curves(Deep), .. Curves(Shallow),
        .. Twins(),
        .. Pluskid(),
    ];

    private static IEnumerable<Preset> Cells(Network network, string cropDecay, string crop, string decay, string none, string random)
    {
        foreach (var (key, what, figures, crops, decays, labels) in new (string, string, string, bool, bool, LabelOptions)[]
            {
                ("crop-wd", "random crop and weight decay", cropDecay, true, true, new TrueLabelOptions()),
                ("crop", "random crop", crop, true, false, new TrueLabelOptions()),
                ("wd", "weight decay", decay, false, true, new TrueLabelOptions()),
                ("none", "no regularizer", none, false, false, new TrueLabelOptions()),
                ("random", "random labels", random, false, false, new RandomLabelOptions()),
            })
        {
            if (figures.Length == 0) continue;
            yield return new(
                $"zhang-{network.Key}-{key}", $"{Capital(network.Title)}, {what}", Table,
                $"Zhang et al. 2017, T1, {network.Title}, {what}: {figures} % train/test", "One cell of the table.", Notes,
                Recipe(network, labels, crops, decays), NeedsGpu: network.Model is not MlpOptions);
        }
    }

    // Figure 1a has five curves: two studies, since labels and pixels are not corrupted together. Figures 1b and 1c are one study.
    private static IEnumerable<Preset> Curves(Network network)
    {
        var gpu = network.Model is not MlpOptions;
        yield return Study($"zhang-figure-1a-labels-{network.Key}", $"Figure 1a: true and random labels, {network.Title}",
            "Zhang et al. 2017, figure 1a, no number: random labels start later and end at zero loss",
            Recipe(network, new TrueLabelOptions()), ("labels.name", "true, random"), gpu);
        yield return Study($"zhang-figure-1a-pixels-{network.Key}", $"Figure 1a: corrupted images, {network.Title}",
            "Zhang et al. 2017, figure 1a, no number: random pixels and Gaussian images start to converge faster than random labels",
            Recipe(network, new TrueLabelOptions()), ("pixels.name", "true, shuffled_pixels, random_pixels, gaussian"), gpu);
        yield return Study($"zhang-figure-1bc-{network.Key}", $"Figures 1b and 1c: levels of label corruption, {network.Title}",
            "Zhang et al. 2017, figures 1b and 1c, no number: slower with more corruption; the test error tends to 90 %",
            Recipe(network, new PartialLabelOptions { P = 0 }), ("labels.p", Levels), gpu);
    }

    private static Preset WithoutNorms()
        => Study("zhang-figure-2b-inception", "Figure 2b: small Inception with and without BatchNorm",
            "Zhang et al. 2017, figure 2b, no number: no benefit of an early stop on CIFAR-10; BatchNorm is worth 3 to 4 %",
            Recipe(Inception, new TrueLabelOptions()), ("model.batch_norm", "true, false"), gpu: true);

    private static IEnumerable<Preset> Twins()
    {
        foreach (var (key, title, model, lr) in new (string, string, ModelOptions, double)[]
            {
                ("mlp-1x512", "MLP 1 × 512", Mlp(1) with { BatchNorm = true }, 0.01),
                ("mlp-3x512", "MLP 3 × 512", Mlp(3) with { BatchNorm = true }, 0.01),
                ("alexnet", "small AlexNet", new SmallAlexNetOptions { Lrn = false, BatchNorm = true }, 0.01),
                ("inception", "small Inception", new SmallInceptionOptions(), 0.1),
            })
            yield return new(
                $"ioc-zhang-{key}", $"Convex {title} and its base at levels of label corruption", Figures,
                "ours: convex twins of Zhang et al.'s networks; no published number",
                "Both networks with BatchNorm, labels from true to random.",
                Twin, Recipe(new(key, title, model, lr), new PartialLabelOptions { P = 0 }), NeedsGpu: model is not MlpOptions)
            {
                Study = new(new Dictionary<string, string>
                {
                    ["convexity.name"] = "none, exp_eps",
                    ["labels.p"] = "0, 0.25, 0.5, 0.75, 1",
                }, "0-2"),
            };
    }

    // The authors' public code: other networks on whole images, decay on everything, 300 epochs.
    private static IEnumerable<Preset> Pluskid()
    {
        var spec = new Spec
        {
            Data = new Cifar10Options { Preprocessing = PreprocessingKind.Standardize },
            Labels = new RandomLabelOptions(),
            Optimizer = new SgdOptions { Lr = 0.1, Momentum = 0.9, WeightDecay = 1e-4 },
            Schedule = new MultiStepScheduleOptions { Milestones = [150, 225] },
            Training = new TrainingOptions { Epochs = 300, BatchSize = 128 },
        };
        var notes = new PresetNotes(
            "Nothing: the code says it all.",
            "Mean and deviation of the training images in place of the code's rounded constants. It corrupts test labels too, which makes "
            + "no difference for random ones; ours never are.");
        var wide = new WideResNetOptions();
        yield return new("pluskid-wrn-random", "WRN-28-1, random labels", Table,
            "pluskid/fitting-random-labels: 100.00 train at epoch 154, 9.99",
            "The authors' demonstration.", notes, spec with { Model = wide }, NeedsGpu: true);
        yield return new("pluskid-wrn-true", "WRN-28-1, true labels", Table,
            "pluskid/fitting-random-labels: 100 train, 86.41 test at epoch 299",
            "The same network on true labels.", notes, spec with { Model = wide, Labels = new TrueLabelOptions() }, NeedsGpu: true);
        yield return new("pluskid-mlp-random", "MLP 512 without biases, random labels", Table,
            "pluskid/fitting-random-labels: 99.96 train at epoch 220, 99.97 at 299",
            "A single hidden layer on images of 32 × 32.", notes, spec with
            {
                Model = Mlp(1) with { Bias = false },
                Optimizer = new SgdOptions { Lr = 0.01, Momentum = 0.9, WeightDecay = 1e-4 },
            });
    }

    private static Spec Recipe(Network network, LabelOptions labels, bool crops = false, bool decays = false) => new()
    {
        Model = network.Model,
        Data = new Cifar10Options { Crop = 28, Preprocessing = PreprocessingKind.PerImage },
        Labels = labels,
        Pixels = new TruePixelOptions(),
        Augmentation = new AugmentationOptions { RandomCrop = crops },
        Optimizer = new SgdOptions
        {
            Lr = network.Lr, Momentum = 0.9, WeightDecay = decays ? 5e-4 : 0, WeightDecayOn = DecayedTensors.Matrices,
        },
        Schedule = new ExponentialScheduleOptions { Gamma = 0.95 },
        Training = new TrainingOptions { Epochs = 100, BatchSize = 128, StopWhenFitted = true, StopBelowLoss = 1e-3 },
    };

    private static Preset Study(string name, string title, string source, Spec spec, (string Path, string Values) varied, bool gpu)
        => new(name, title, Figures, source, "Its runs to the end of training, with the time to overfit in each summary.", Notes, spec, gpu)
        {
            Study = new(new Dictionary<string, string> { [varied.Path] = varied.Values }, "0-2"),
        };

    private static string Capital(string title) => char.ToUpperInvariant(title[0]) + title[1..];
}
