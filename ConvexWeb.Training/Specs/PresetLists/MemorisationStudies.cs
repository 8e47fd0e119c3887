using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>Studies that none of the sources has (science.md B), small enough for two cores.</summary>
internal static class MemorisationStudies
{
    private const string Group = "Memorisation, further studies";

    public static IEnumerable<Preset> All =>
    [
        Study("capacity-mlp", "Capacity: images fitted on random labels by width, base and convex",
            "The largest train_limit at which a run ends as fitted is the capacity of its width within 100 epochs. The budget is one of "
            + "epochs: more images also get more steps (fitted_step in the summary).",
            Capacity(new MlpOptions { Width = 32, Depth = 1 }),
            ("data.train_limit", "250, 500, 1000, 2000, 4000"), ("model.width", "8, 32, 128"), ("convexity.name", "none, exp_eps")),
        Study("capacity-s-fc", "Capacity of S-FC on random labels by base width", "As capacity-mlp, for the dense form of a convolution.",
            Capacity(new SdNetOptions()), ("data.train_limit", "250, 500, 1000, 2000, 4000"), ("model.alpha", "1, 2, 4")),
        Study("noise-grid", "Label noise, base and convex: fit and recovery",
            "Fit, recovery and clean accuracy by level of noise; the peak is in each summary.",
            Grid(new PartialLabelOptions { P = 0 }), ("labels.p", "0, 0.2, 0.4, 0.6, 0.8, 1"), ("convexity.name", "none, exp_eps")),
        Study("double-descent-width", "Double descent by width under 15 % wrong labels, base and convex",
            "Nakkiran et al. 2019 have it for ResNet18; here a network of one hidden layer, with a fixed rate and no decay, and epochs "
            + "enough for a base of 20 units to fit 99.9 % of its labels (seed 0): the peak of the test error is looked for about there.",
            Grid(new SymmetricWrongLabelOptions { P = 0.15 }) with
            {
                Model = new MlpOptions { Width = 1, Depth = 1, BatchNorm = false },
                Optimizer = new AdamOptions { Lr = 1e-3 },
                Training = new TrainingOptions { Epochs = 400, BatchSize = 128, EvaluateEvery = 10 },
            }, ("model.width", "2, 5, 10, 20, 40, 80, 160, 320"), ("labels.p", "0, 0.15"), ("convexity.name", "none, exp_eps")),
        Study("double-descent-resnet18", "Double descent by width of a ResNet18 under wrong labels",
            "Nakkiran et al. 2019: Adam at a fixed 1e-4, flips and crops, no decay, 4,000 epochs; theirs has 15 % wrong labels.",
            new Spec
            {
                Model = new ResNet18Options(),
                Data = new Cifar10Options(),
                Labels = new SymmetricWrongLabelOptions { P = 0.15 },
                Augmentation = new AugmentationOptions { Flip = true, PadCrop = 4, AllowWithCorruption = true },
                Optimizer = new AdamOptions { Lr = 1e-4 },
                Training = new TrainingOptions { Epochs = 4000, BatchSize = 128, EvaluateEvery = 10 },
            }, ("model.width", "1, 2, 4, 6, 8, 10, 12, 16, 24, 32, 48, 64"), ("labels.p", "0, 0.15")) with
        {
            NeedsGpu = true,
            Source = "after Nakkiran et al. 2019, figures of ResNet18 by width; no number is taken from them",
            Notes = new(
                "Twelve of the paper's 64 widths, three seeds.",
                "Activations follow the convolutions here, and the paper's network has them in front."),
        },
        Study("measures", "Generalization measures over networks that stopped at one training loss",
            "Path norm, products of norms over the margin and the way from the start, with Kendall's τ against the gap: "
            + "GET /api/v1/studies/ID/measures.",
            Grid(new TrueLabelOptions()) with
            {
                // Looked at after each epoch, so that the runs end at losses near each other.
                Training = new TrainingOptions { Epochs = 300, BatchSize = 64, StopBelowLoss = 0.01 },
            }, ("model.width", "64, 128, 256"), ("model.depth", "1, 2, 3"), ("optimizer.lr", "0.0003, 0.001")),
    ];

    private static Spec Capacity(ModelOptions model) => new()
    {
        Model = model,
        Data = new Cifar10Options { TrainLimit = 250, TestLimit = 1000, Preprocessing = PreprocessingKind.Standardize },
        Labels = new RandomLabelOptions(),
        Optimizer = new AdamOptions { Lr = 1e-3 },
        Training = new TrainingOptions { Epochs = 100, BatchSize = 50, EvaluateEvery = 5, StopWhenFitted = true },
    };

    private static Spec Grid(LabelOptions labels) => new()
    {
        Model = new MlpOptions { Width = 256, Depth = 2 },
        Data = new Cifar10Options { TrainLimit = 4000, TestLimit = 2000, Preprocessing = PreprocessingKind.Standardize },
        Labels = labels,
        Optimizer = new AdamOptions { Lr = 1e-3 },
        Training = new TrainingOptions { Epochs = 100, BatchSize = 64, EvaluateEvery = 5 },
    };

    private static Preset Study(string name, string title, string summary, Spec spec, params (string Path, string Values)[] varied)
        => new(name, title, Group, "ours; no published number", summary, PresetNotes.Ours, spec)
        {
            Study = new(varied.ToDictionary(field => field.Path, field => field.Values), "0-2"),
        };
}
