using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Regularization;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>
/// Seed 001 as its own code ran it (science.md S8a), the same networks with Zhang et al.'s corruptions beside it, and the regularization
/// experiments (S10). Figures are final train and validation accuracies read from the report's plots, to about a percent.
/// </summary>
internal static class Seed001Presets
{
    private const string Group = "Seed 001 as it was run";
    private const string Regularizers = "Regularizers and corruption (seed 001)";
    private const string Code = "sarthak395/SMAI-Project (seed 001)";

    private static readonly PresetNotes AsCoded = new(
        "The share that dropout drops (0.5 here) and the factor of weight decay (5e-4, Adam's own on all tensors) are not known, nor which "
        + "curve had the learning rate 1e-3: 1e-4 is the code's last.",
        "The code never switches to evaluation: its dropout stays on and its BatchNorm takes the test batches' statistics, and its "
        + "training figures are of augmented images. Ours are measured in evaluation, so train/accuracy_epoch_running is the one to "
        + "compare. Corrupted images are augmented as there, and standardised by their own mean and deviation in place of the code's fixed "
        + "numbers. 200 epochs also where a plot has 250 or 1,000. As committed, its convex network crashes; its plots come "
        + "from other code.");

    private static readonly PresetNotes Defined = new(
        "Seed 001's network and recipe with Zhang et al.'s corruptions, test images corrupted too, and no augmentation, so that what is "
        + "fixed stays fixed: ours.",
        "Nothing of it is published: it stands beside the preset of the same name without -zhang.");

    public static IEnumerable<Preset> All =>
    [
        .. Labels("", new Cifar10Options(), "p = 0 98/56, 0.5 97/36, 0.9 97/26 (1,000 epochs)", "0.5 56/66 (250 epochs)"),
        .. Labels("-cifar100", new Cifar100Options(), "p = 0 93/25.5, 0.9 89/9", "0.9 45.5/23.5"),
        .. Images("", new Cifar10Options(), "random 90/29, shuffled 81/13", "gaussian 97.5/85, random 86/40.5, shuffled 71/15.5"),
        .. Images("-cifar100", new Cifar100Options(), "gaussian 94.5/11, random 90/10, shuffled 80/2", "no plot"),
        .. Regularized(),
        .. Convex(),
        .. Matrix(),
    ];

    private static IEnumerable<Preset> Labels(string suffix, DataOptions data, string mlp, string cnn)
    {
        foreach (var (key, model, figures) in new (string, ModelOptions, string)[]
            { ("mlp", new Seed001MlpOptions(), mlp), ("cnn", new Seed001CnnOptions(), cnn) })
        {
            yield return Study($"seed001-labels-{key}{suffix}", $"Label noise as coded, {Name(model)}, {Title(data)}",
                $"{Code}, report, read from the plots: {figures}", AsCoded,
                Coded(model, data) with { Labels = new Seed001LabelOptions { P = 0 } }, ("labels.p", "0, 0.5, 0.9"));
            yield return Study($"seed001-labels-{key}{suffix}-zhang",
                $"Label noise as Zhang et al. define it, {Name(model)}, {Title(data)}",
                "ours", Defined, Clean(model, data) with { Labels = new PartialLabelOptions { P = 0 } }, ("labels.p", "0, 0.5, 0.9"));
        }
    }

    private static IEnumerable<Preset> Images(string suffix, DataOptions data, string mlp, string cnn)
    {
        foreach (var (key, model, figures) in new (string, ModelOptions, string)[]
            { ("mlp", new Seed001MlpOptions(), mlp), ("cnn", new Seed001CnnOptions(), cnn) })
        {
            yield return Study($"seed001-images-{key}{suffix}", $"Image noises as coded, {Name(model)}, {Title(data)}",
                $"{Code}, report, read from the plots: {figures}", AsCoded, Coded(model, data),
                ("pixels.name", "true, seed001_gaussian, seed001_rows, seed001_shuffled"));
            yield return Study($"seed001-images-{key}{suffix}-zhang",
                $"Image noises as Zhang et al. define them, {Name(model)}, {Title(data)}",
                "ours", Defined, Clean(model, data), ("pixels.name", "true, gaussian, random_pixels, shuffled_pixels"));
        }
    }

    // One preset a plot and regularizer; the corruption is varied.
    private static IEnumerable<Preset> Regularized()
    {
        var half = new Seed001MlpOptions { Dropout = 0.5 };
        var decay = new AdamOptions { WeightDecay = 5e-4 };
        foreach (var (suffix, data, dropout, decayed, both, early) in new (string, DataOptions, string, string, string, string)[]
            {
                ("", new Cifar10Options(), "0.5 89.5/36, random 86.5/31.5, shuffled 77.5/15",
                    "gaussian 94.5/33, 0.5 90/35, random 87/30, shuffled 74/14.5", "1,000 epochs: 0.5 94/34, 0.9 91.5/24.5",
                    "gaussian 57.5/40 (15 epochs), random 45/36 (31), 0.5 42.5/46.5 (34), 0.9 37/35.5 (47), shuffled 36/12.5 (11)"),
                ("-cifar100", new Cifar100Options(), "0.9 86.5/8.3", "0.9 88.5/9.5", "no plot", "no plot"),
            })
        {
            var stop = Coded(new Seed001MlpOptions(), data) with
            {
                Training = Recipe with { Patience = 10, PatienceOn = StoppingSignal.TestLoss, MinDelta = 1e-3 },
            };
            foreach (var (key, title, figures, spec) in new (string, string, string, Spec)[]
                {
                    ("dropout", "dropout", dropout, Coded(half, data)),
                    ("decay", "weight decay", decayed, Coded(new Seed001MlpOptions(), data) with { Optimizer = decay }),
                    ("both", "dropout and weight decay", both, Coded(half, data) with { Optimizer = decay }),
                    ("early", "early stopping on the test loss", early, stop),
                })
            {
                yield return Study($"seed001-{key}-images{suffix}", $"Image noises as coded with {title}, {Title(data)}",
                    $"{Code}, report, read from the plots: {figures}", AsCoded, spec,
                    ("pixels.name", "seed001_gaussian, seed001_rows, seed001_shuffled"));
                yield return Study($"seed001-{key}-labels{suffix}", $"Label noise as coded with {title}, {Title(data)}",
                    $"{Code}, report, read from the plots: {figures}", AsCoded, spec with { Labels = new Seed001LabelOptions { P = 0.5 } },
                    ("labels.p", "0.5, 0.9"));
            }
        }
    }

    private static IEnumerable<Preset> Convex()
    {
        var ioc = new Seed001MlpOptions { Layout = Seed001Layout.Ioc };
        var free = new ExpEpsOptions { ConstrainBnGamma = false };
        yield return Study("seed001-labels-ioc", "Label noise as coded, convex network",
            $"{Code}, report, read from the plots (250 epochs): IOC 0.5 34/46.5, 0.9 24.5/44; MLP 93/36, 91.5/26", AsCoded,
            Coded(ioc, new Cifar10Options()) with { Convexity = free, Labels = new Seed001LabelOptions { P = 0.5 } },
            ("labels.p", "0.5, 0.9"));
        yield return Study("seed001-images-ioc", "Image noises as coded, convex network",
            $"{Code}, report, read from the plots: IOC random 41.5/38.5, shuffled 41.5/14.5", AsCoded,
            Coded(ioc, new Cifar10Options()) with { Convexity = free },
            ("pixels.name", "seed001_gaussian, seed001_rows, seed001_shuffled"));
        yield return Study("seed001-labels-ioc-twin", "Label noise as coded, the convex network's layers without its constraint",
            "ours: the seed compares its convex network, which has BatchNorm, with one that has none", AsCoded with
            {
                Resolved = "The layers of the seed's convex network, ReLU in place of ELU, without the constraint. " + AsCoded.Resolved,
            },
            Coded(new Seed001MlpOptions { Layout = Seed001Layout.Twin }, new Cifar10Options()) with
            {
                Labels = new Seed001LabelOptions { P = 0.5 },
            },
            ("labels.p", "0.5, 0.9"));
    }

    // S10: each regularizer with each corruption, by Zhang et al.'s definitions.
    private static IEnumerable<Preset> Matrix()
    {
        var notes = new PresetNotes(
            "Dropout 0.5 and l2 with λ = 5e-4 on the weights, in the loss as the seed's slides write it; the values are not known.",
            "The slides' claims are of the seed's code, whose noises and decay are others: see the presets seed001-*.");
        var spec = Clean(new Seed001MlpOptions(), new Cifar10Options()) with
        {
            Labels = new TrueLabelOptions(),
            Training = Recipe with { LayerMetrics = true },
        };
        const string source = "seed 001, slides: dropout, weight decay and both \"still\" reach 100 % train accuracy "
            + "(its plots: 74 to 94.5)";
        yield return new(
            "regularizers-by-corruption", "Dropout, l2, both, early stopping and none with each corruption", Regularizers, source,
            "A matrix: train and test accuracy, epochs, and each layer's norm and density. Random labels are crossed with those images.",
            notes with
            {
                Resolved = notes.Resolved + " A tenth validates in every run, with labels as corrupted as the rest, so that all train on "
                    + "the same images; with random labels early stopping ends almost at once, by construction. Such runs end five "
                    + "evaluations past their best, which the summary has too.",
            },
            spec with
            {
                Data = new Cifar10Options { Preprocessing = PreprocessingKind.Standardize, Validation = 0.1 },
                Regularization = new RegularizationOptions(),
                Training = Recipe with { LayerMetrics = true, PatienceOn = StoppingSignal.ValidationLoss, MinDelta = 1e-4 },
            })
        {
            Study = new(new Dictionary<string, string>
            {
                ["model.dropout"] = "0, 0.5", ["regularization.l2"] = "0, 0.0005", ["training.patience"] = "null, 5",
                ["labels.name"] = "true, random", ["pixels.name"] = "true, shuffled_pixels, random_pixels, gaussian",
            }, "0-2"),
        };
        yield return Claim("claim-sgd-norm-seed001", "Claim: SGD ends at a solution of small norm",
            "Each layer's norm and its way from the start.",
            "seed 001, slides: SGD \"already converges to a solution with minimum norm\"; no number",
            spec with { Optimizer = new SgdOptions { Lr = 0.01, Momentum = 0 } });
        yield return Claim("claim-cnn-sparsity-seed001", "Claim: the sparsity of a CNN grows with its depth",
            "The layers' norms and exact zeros; Adam leaves hardly any, which is what there is to see.",
            "seed 001, slides: the sparsity of a CNN grows with depth; no number",
            spec with { Model = new Seed001CnnOptions() });
        foreach (var validation in new[] { ValidationLabels.AsTrained, ValidationLabels.Clean })
        {
            var clean = validation == ValidationLabels.Clean;
            yield return new(clean ? "early-stopping-clean" : "early-stopping-corrupted",
                $"Early stopping on {(clean ? "clean" : "corrupted")} validation labels", Regularizers,
                "seed 001, slides: early stopping prevents the fit of noisy labels",
                "The weights of the best epoch at the end, by label noise.",
                new("Patience 5, least improvement 1e-4, a tenth held out"
                    + (clean ? "." : ", corrupted as the rest: with random labels it stops almost at once, by construction."),
                    "The seed stopped on its test images: seed001-early-*."),
                spec with
                {
                    Data = new Cifar10Options { Preprocessing = PreprocessingKind.Standardize, Validation = 0.1 },
                    Labels = new PartialLabelOptions { ValidationLabels = validation },
                    Training = Recipe with
                    {
                        Patience = 5,
                        PatienceOn = StoppingSignal.ValidationLoss,
                        MinDelta = 1e-4,
                        RestoreBest = true,
                        LayerMetrics = true,
                    },
                })
            {
                Study = new(new Dictionary<string, string> { ["labels.p"] = "0, 0.5, 0.9, 1" }, "0-2"),
            };
        }
    }

    private static Preset Claim(string name, string title, string summary, string source, Spec spec)
        => new(name, title, Regularizers, source, summary + " True and random labels.", Claims, spec)
        {
            Study = new(new Dictionary<string, string> { ["labels.name"] = "true, random" }, "0-2"),
        };

    private static readonly PresetNotes Claims = new(
        "All of it: the slides make the claim and no experiment. No augmentation, layer metrics on.",
        "There is no recipe to differ from.");

    private static readonly TrainingOptions Recipe = new() { Epochs = 200, BatchSize = 32 };

    private static Spec Coded(ModelOptions model, DataOptions data) => Clean(model, data) with
    {
        Augmentation = new AugmentationOptions { Flip = true, PadCrop = 4, AllowWithCorruption = true },
    };

    private static Spec Clean(ModelOptions model, DataOptions data) => new()
    {
        Model = model,
        Data = data with { Preprocessing = PreprocessingKind.Standardize },
        Optimizer = new AdamOptions { Lr = 1e-4 },
        Training = Recipe,
    };

    private static Preset Study(string name, string title, string source, PresetNotes notes, Spec spec, (string Path, string Values) varied)
        => new(name, title, Group, source, "Its runs, one curve each in the report.", notes, spec)
        {
            Study = new(new Dictionary<string, string> { [varied.Path] = varied.Values }, "0-2"),
        };

    private static string Name(ModelOptions model) => model is Seed001CnnOptions ? "CNN" : "MLP";

    private static string Title(DataOptions data) => data is Cifar100Options ? "CIFAR-100" : "CIFAR-10";
}
