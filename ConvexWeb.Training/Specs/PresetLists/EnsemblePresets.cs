using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>
/// Ensembles of convex experts (science.md S7d): the two-class task of the IOC paper's s4.1 and its table 6. The paper gives no recipes for
/// its gates and names no sizes; an expert's recipe is that of the network it is (S2, S3, S4).
/// </summary>
internal static class EnsemblePresets
{
    private const string Mixtures = "Mixture of convex experts (IOC paper, s4.1)";
    private const string Boosting = "Boosted convex experts (IOC paper, T6)";
    private const int Stages = 4;
    private const int Rounds = 30;

    // Test accuracy of 1 to 10 experts, read from figure 5a; the plain network's is 89.55.
    private static readonly double[] Plotted = [83.5, 86.0, 86.8, 87.3, 88.5, 88.7, 89.0, 89.1, 89.1, 89.1];

    public static IEnumerable<Preset> All =>
    [
        .. Reference(),
        .. Enumerable.Range(1, 10).SelectMany(experts => Em(experts, convex: true)),
        .. new[] { 1, 3, 5 }.SelectMany(experts => Em(experts, convex: false)),
        .. Boosts().SelectMany(b => new[] { b, Small(b) }),
    ];

    internal static readonly PresetNotes OfMixtures = new(
        "Expectation-maximisation is not written out in the paper: responsibilities by gate and expert, experts by their weighted "
        + "cross-entropy, gate by cross-entropy to the responsibilities, one epoch each in turn, 30 rounds. Experts of 3 × 800 units with "
        + "one sigmoid output and starts of their own, a gate of 1 × 800, probabilities averaged with its weights. A tenth validates.",
        "Nothing known. The mixture is not convex: each expert is.");

    private const string Reweighting =
        "The paper re-weights \"as in\" Friedman et al. 2000, which is for two classes: SAMME here, their own rule by model.rule. It gives "
        + "no recipe and no sizes for its gates: an expert's recipe is that of its network unless said below, the gates are small.";

    private static readonly PresetNotes OfReference = new(
        "Batch 64, at most 200 epochs, early stop after 20 without a better validation accuracy, a tenth held out: the paper gives the "
        + "figure of this network and no recipe. Two outputs.",
        "Nothing known.");

    private static IEnumerable<Preset> Reference()
    {
        var preset = new Preset("mlp-animal", "MLP, CIFAR-10 animals", Mixtures, "IOC paper s4.1, NN (89.63 % test)",
            "The unconstrained network that the mixtures are held against.", OfReference, new Spec
            {
                Data = new Cifar10Options { Task = Cifar10Task.Animal, Validation = 0.1 },
                Training = new TrainingOptions { Epochs = 200, BatchSize = 64, Patience = 20 },
            });
        yield return preset;
        yield return Small(preset);
    }

    private static IEnumerable<Preset> Em(int experts, bool convex)
    {
        var spec = new Spec
        {
            Model = new EnsembleEmOptions { Experts = experts },
            Convexity = convex ? new ExpEpsOptions() : new NoConvexityOptions(),
            Data = new Cifar10Options { Task = Cifar10Task.Animal, Validation = 0.1 },
            // Experts and gate train in turn: a single expert has every epoch for itself.
            Training = new TrainingOptions { Epochs = experts == 1 ? Rounds : 2 * Rounds, BatchSize = 64 },
        };
        var kind = convex ? "convex" : "plain";
        var title = experts == 1 ? $"One binary {kind} network" : $"Mixture of {experts} binary {kind} networks";
        var preset = new Preset($"em-{(convex ? "" : "plain-")}animal-{experts}", $"{title}, CIFAR-10 animals", Mixtures,
            convex
                ? $"IOC paper figure 5a, {experts} expert{(experts == 1 ? "" : "s")}: {Plotted[experts - 1]:0.0} % test, read from the plot"
                : "IOC paper s4.1: a mixture of plain networks does not improve (no number)",
            convex
                ? "Animal or not: with one output, a convex network's region of one class is a convex set; a mixture joins several."
                : "The control: the same mixture of unconstrained networks.",
            OfMixtures, spec, NeedsGpu: experts > 1);
        yield return preset;
        yield return Small(preset);
    }

    private static IEnumerable<Preset> Boosts()
    {
        var model = new EnsembleBoostOptions { Experts = Stages - 1 };
        Preset One(string kind, string name, string figures, string differs, Spec spec)
            => new($"boost-{kind}-cifar10", $"Three boosted {name}s with a gate, CIFAR-10", Boosting, $"IOC paper T6, {name}",
                $"Published single, gate and oracle: {figures}. {spec.Training.Epochs / Stages} epochs for each expert and for the gate.",
                new(Reweighting, differs),
                spec with { Convexity = new ExpEpsOptions() }, NeedsGpu: true);

        const string mlp = "100 epochs for each expert without an early stop, where the single network has up to 200 with one.";
        yield return One("mlp", "IOC-MLP", "69.89, 71.8, 85.47", mlp, new Spec
        {
            Model = model,
            Data = new Cifar10Options { Validation = 0.1 },
            Training = new TrainingOptions { Epochs = Stages * 100, BatchSize = 64 },
        });
        var augmented = new AugmentationOptions { Flip = true, PadCrop = 4 };
        yield return One("allconv", "IOC-AllConv", "90.6, 92.83, 96.3", AllConvPresets.DiffersConvex, new Spec
        {
            Model = model with { Expert = PartKind.Allconv, Gate = PartKind.Allconv },
            Data = new Cifar10Options(),
            Augmentation = augmented,
            Optimizer = new SgdOptions { Lr = 0.01 },
            Schedule = new MultiStepScheduleOptions { Milestones = [200, 250, 300] },
            Training = new TrainingOptions { Epochs = Stages * 350, BatchSize = 128, EvaluateEvery = 5 },
        });
        yield return One("densenet", "IOC-DenseNet", "91.12, 93.25, 97.19", "Nothing known.", new Spec
        {
            Model = model with { Expert = PartKind.Densenet, Gate = PartKind.Densenet, Dropout = 0.2 },
            Data = new Cifar10Options(),
            Optimizer = new SgdOptions { Lr = 0.1, Nesterov = true, WeightDecay = 1e-4 },
            Schedule = new MultiStepScheduleOptions { Milestones = [150, 225] },
            Training = new TrainingOptions { Epochs = Stages * 300, BatchSize = 64, EvaluateEvery = 5 },
        });
    }

    // Fewer images, shorter stages, narrower experts: minutes on two cores.
    private static Preset Small(Preset preset)
    {
        var spec = preset.Spec;
        var epochs = spec.Model switch
        {
            EnsembleBoostOptions { Expert: PartKind.Densenet } => 2,
            EnsembleBoostOptions { Expert: PartKind.Allconv } => 3,
            _ => 15,
        };
        return new(preset.Name + "-small", preset.Title + ", small", preset.Group + ": small variants", "not the source's setting",
            $"As {preset.Name}, cut down to minutes on two cores. Not comparable with the published number.",
            SmallVariant.Notes(preset.Notes), spec with
            {
                Model = spec.Model switch
                {
                    EnsembleBoostOptions boost => boost with
                    {
                        Width = 400,
                        WidthPercent = 25,
                        Variant = DenseNetVariant.Bc40_12,
                        GateWidth = boost.Gate == PartKind.Allconv ? 16 : null,
                    },
                    EnsembleEmOptions em => em with { Width = 400 },
                    _ => spec.Model,
                },
                Data = ((Cifar10Options)spec.Data) with { TrainLimit = 5000, TestLimit = 2000, Validation = 0 },
                Schedule = new ConstantScheduleOptions(),
                Training = spec.Training with
                {
                    Epochs = epochs * spec.Model switch
                    {
                        EnsembleBoostOptions => Stages,
                        EnsembleEmOptions { Experts: 1 } => 1, // it has no gate to share them with
                        _ => 2,
                    },
                    BatchSize = 64,
                    EvaluateEvery = 1,
                    Patience = null,
                },
            });
    }
}
