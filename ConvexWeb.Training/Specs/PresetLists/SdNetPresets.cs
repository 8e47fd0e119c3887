using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>
/// S-/D- networks and β-LASSO (science.md S11, S12): tables 1 and 2 of Neyshabur 2020, table II and figures of seed 002.
/// </summary>
internal static class SdNetPresets
{
    internal const string Tables = "Learning convolutions (Neyshabur 2020)";
    private const string Seed = "Learning convolutions (seed 002)";
    private const int PaperShallow = 150, PaperDeep = 15;

    internal sealed record Set(string Key, string Title, DataOptions Data);

    internal static readonly Set[] Sets =
    [
        new("cifar10", "CIFAR-10", new Cifar10Options()), new("cifar100", "CIFAR-100", new Cifar100Options()),
        new("svhn", "SVHN", new SvhnOptions()),
    ];

    // Test accuracy by network: 400 and 4,000 epochs for each set of images.
    private static readonly (string Key, SdNetKind Kind, string[] Short, string[] Long)[] Table1 =
    [
        ("d-conv", SdNetKind.DConv, ["88.84", "63.73", "95.65"], ["89.79", "62.26", "95.86"]),
        ("d-local", SdNetKind.DLocal, ["86.13", "58.58", "95.71"], ["86.07", "55.71", "95.85"]),
        ("d-fc", SdNetKind.DFc, ["64.78", "36.61", "92.52"], ["63.62", "35.51", "90.97"]),
        ("s-conv", SdNetKind.SConv, ["84.14", "59.48", "92.34"], ["87.05", "62.51", "93.38"]),
        ("s-local", SdNetKind.SLocal, ["81.52", "56.64", "92.51"], ["85.86", "62.03", "93.98"]),
        ("s-fc", SdNetKind.SFc, ["72.77", "47.72", "88.64"], ["78.63", "51.43", "91.80"]),
        ("3-fc", SdNetKind.ThreeFc, ["69.19", "44.95", "85.98"], ["75.12", "50.75", "86.02"]),
    ];

    private static readonly (int Beta, string[] Test)[] Table2 =
    [
        (0, ["82.45", "55.58", "93.80"]), (1, ["82.52", "55.96", "93.66"]), (50, ["85.19", "59.56", "94.07"]),
    ];

    internal static readonly PresetNotes Paper = new(
        "α = 150 for the shallow and 15 for the deep networks by the table's parameter counts; no biases, BatchNorm without scale and "
        + "shift, padding 4 and 1, PyTorch's start, cross-entropy, no momentum and no decay: the paper names none or tunes them.",
        "The paper augments by Fast AutoAugment's released policies, which are not here: flip and crop alone. Its SVHN trains on the extra "
        + "images too. Its D-LOCAL has 11.7 M parameters at α = 15 and its D-FC 282 M; table 1 prints 3.42 and 256.");

    private static readonly PresetNotes AsSeed = new(
        "The mean binary cross-entropy over images and classes, as the code has it: its gradients are about ten times as weak as those of "
        + "the paper's cross-entropy, so that λ acts about ten times as strongly. No validation, the last weights, one λ for all layers, "
        + "the sign behind the gradient's part of the step.",
        "Its training accuracies are running ones; compare train/accuracy_epoch_running.");

    public static IEnumerable<Preset> All => [.. NeyshaburT1(), .. NeyshaburT2(), .. SeedT2(), .. SeedFigures(), BothSchedules()];

    private static IEnumerable<Preset> NeyshaburT1()
    {
        foreach (var (key, kind, few, many) in Table1)
            for (var s = 0; s < Sets.Length; s++)
                foreach (var (epochs, test) in new[] { (400, few[s]), (4000, many[s]) })
                    yield return new(
                        $"neyshabur-{key}-{Sets[s].Key}-{epochs}", $"{key.ToUpperInvariant()}, {Sets[s].Title}, {epochs:N0} epochs", Tables,
                        $"Neyshabur 2020, T1, {key}, {Sets[s].Title}, {epochs} epochs: {test} % test", "One cell of the table.", Paper,
                        Cosine(kind, Alpha(kind), Sets[s].Data, epochs), NeedsGpu: true);
    }

    private static IEnumerable<Preset> NeyshaburT2()
    {
        foreach (var (beta, test) in Table2)
            for (var s = 0; s < Sets.Length; s++)
                yield return new(
                    $"neyshabur-s-fc-beta{beta}-{Sets[s].Key}", $"S-FC by β-LASSO, β = {beta}, {Sets[s].Title}", Tables,
                    $"Neyshabur 2020 (arXiv v1), T2, S-FC, β = {beta}, {Sets[s].Title}: {test[s]} % test", "One cell of the table.",
                    Paper with
                    {
                        Resolved = "λ 2e-5 for the first and 1e-5 for the other layers, of the values that the paper searches. "
                            + Paper.Resolved,
                        Differs = "The NeurIPS abstract page prints 84.50/57.76/93.84 for β = 50. " + Paper.Differs,
                    },
                    Cosine(SdNetKind.SFc, PaperShallow, Sets[s].Data, 4000) with
                    {
                        Optimizer = new BetaLassoOptions { Beta = beta, LambdaRest = 1e-5 },
                        Training = new TrainingOptions
                        {
                            Epochs = 4000, BatchSize = 512, LayerMetrics = true, EvaluateEvery = 10, FilterEpochs = [0, 1000, 4000],
                        },
                    }, NeedsGpu: true);
    }

    // Table II of the seed says cosine; its 400 epochs on CIFAR-10 were run at a constant rate, and whether β = 50 hurts under cosine is
    // open: both are here.
    private static IEnumerable<Preset> SeedT2()
    {
        foreach (var (key, beta, table, notebook, svhn) in new (string, int?, string, string, string)[]
            {
                ("sgd", null, "45.8", "45.07", "83.85"), ("beta0", 0, "49.6", "49.32", "84.99"), ("beta1", 1, "51.2", "51.10", "84.49"),
                ("beta50", 50, "48.9", "48.54", "83.84"),
            })
        {
            var name = beta is { } b ? $"β = {b}" : "SGD";
            foreach (var schedule in new ScheduleOptions[] { new ConstantScheduleOptions(), new CosineScheduleOptions { PerEpoch = true } })
                yield return new(
                    $"t2-{schedule.Name}-{key}", $"S-FC, {name}, {schedule.Name} rate, CIFAR-10", Seed,
                    $"seed 002, T II, S-FC, {name}: {table} % test; its notebook: {notebook}", schedule is ConstantScheduleOptions
                        ? "400 epochs at a constant rate, as the table's runs were made."
                        : "400 epochs along half a cosine, as the seed's text says.",
                    AsSeed,
                    OfSeed(beta, new Cifar10Options(), 400) with
                    {
                        Schedule = schedule,
                        Training = SeedTraining with { Epochs = 400, FilterEpochs = [0, 400] },
                    });
            yield return new(
                $"seed002-svhn-{key}", $"S-FC, {name}, SVHN", Seed, $"gojkoc54/convolutions_from_scratch, SVHN, 100 epochs: {svhn} % test",
                "100 epochs along half a cosine.", AsSeed, OfSeed(beta, new SvhnOptions(), 100));
        }
        foreach (var (key, data, epochs, test) in new (string, DataOptions, int, string)[]
            { ("cifar10", new Cifar10Options(), 20, "33.04"), ("svhn", new SvhnOptions(), 100, "60.26") })
            yield return new(
                $"seed002-s-local-{key}", $"S-LOCAL without padding, {key}", Seed,
                $"gojkoc54/convolutions_from_scratch, S-LOCAL, {epochs} epochs: {test} % test",
                "38,688 parameters; a standard normal start, which hardly trains.", AsSeed,
                OfSeed(null, data, epochs) with
                {
                    Model = new SdNetOptions { Kind = SdNetKind.SLocal, Padding = SdNetPadding.Valid, Init = SdNetStart.StandardNormal },
                });
    }

    private static IEnumerable<Preset> SeedFigures()
    {
        foreach (var (key, title, data, counts) in new (string, string, DataOptions, string)[]
            {
                ("cifar10", "CIFAR-10", new Cifar10Options(), "727,964 640,409 554,497 365,577 301,067 after epochs 1, 11, 21, 51, 100"),
                ("svhn", "SVHN", new SvhnOptions(), "721,600 589,300 471,248 228,417 157,910 after epochs 1, 11, 21, 51, 100"),
            })
            yield return new(
                $"figure-counts-{key}-seed002", $"Non-zero weights by epoch and layer, and filters, {title}", Seed,
                $"seed 002, figure of counts (its metric files), β = 50, layer 1: {counts}",
                "S-FC by β-LASSO; the filters of the first layer are in the summary.", AsSeed, OfSeed(50, data, 100) with
                {
                    Training = SeedTraining with { Epochs = 100, FilterEpochs = [0, 1, 11, 21, 51, 100] },
                });
        // Three networks by two sets, each as long as the seed's own run of it; S-FC by β-LASSO is t2-constant-beta50 and the one above.
        foreach (var (set, data, local) in new (string, DataOptions, int)[]
            { ("cifar10", new Cifar10Options(), 20), ("svhn", new SvhnOptions(), 100) })
        {
            yield return Filters("s-fc-sgd", "S-FC by SGD", new SdNetOptions(), set, data, set == "cifar10" ? 400 : 100);
            yield return Filters("s-local-sgd", "S-LOCAL without padding by SGD",
                new SdNetOptions { Kind = SdNetKind.SLocal, Padding = SdNetPadding.Valid, Init = SdNetStart.StandardNormal },
                set, data, local);
        }

        static Preset Filters(string key, string title, SdNetOptions model, string set, DataOptions data, int epochs)
            => new($"figure-filters-{key}-{set}-seed002", $"First-layer filters, {title}, {set}", Seed,
                "seed 002, figure of filters, no number", "Filters at the start and at the end.", AsSeed, OfSeed(null, data, epochs) with
                {
                    Model = model,
                    // Its 400 epochs were run before it had a schedule.
                    Schedule = epochs == 400 ? new ConstantScheduleOptions() : new CosineScheduleOptions { PerEpoch = true },
                    Training = SeedTraining with { Epochs = epochs, FilterEpochs = [0, epochs] },
                });
    }

    private static Preset BothSchedules()
        => new(
            "beta-under-both-schedules", "β-LASSO at a constant rate and along a cosine", Seed,
            "seed 002, open question: whether β = 50 hurts when the rate falls", "β by the schedule, 100 epochs.", AsSeed,
            OfSeed(50, new Cifar10Options(), 100))
        {
            Study = new(new Dictionary<string, string> { ["optimizer.beta"] = "0, 1, 50", ["schedule.name"] = "constant, cosine" }, "0-2"),
        };

    private static int Alpha(SdNetKind kind) => kind is SdNetKind.DConv or SdNetKind.DLocal or SdNetKind.DFc ? PaperDeep : PaperShallow;

    private static Spec Cosine(SdNetKind kind, int alpha, DataOptions data, int epochs)
        => Cosine(new SdNetOptions { Kind = kind, Alpha = alpha }, data, epochs);

    internal static Spec Cosine(ModelOptions model, DataOptions data, int epochs) => new()
    {
        Model = model,
        Data = data,
        Augmentation = new AugmentationOptions { Flip = true, PadCrop = 4 },
        Optimizer = new SgdOptions { Lr = 0.1, Momentum = 0 },
        Schedule = new CosineScheduleOptions(),
        Training = new TrainingOptions { Epochs = epochs, BatchSize = 512 },
    };

    private static Spec OfSeed(int? beta, DataOptions data, int epochs) => new()
    {
        Model = new SdNetOptions(),
        Data = data with { Preprocessing = PreprocessingKind.Centered },
        Optimizer = beta is { } b ? new BetaLassoOptions { Beta = b, SignAt = SignPlace.Post } : new SgdOptions { Lr = 0.1, Momentum = 0 },
        Schedule = new CosineScheduleOptions { PerEpoch = true },
        Training = SeedTraining with { Epochs = epochs },
    };

    private static readonly TrainingOptions SeedTraining = new()
    {
        BatchSize = 512, Loss = TrainingLoss.BinaryCrossEntropy, LayerMetrics = true,
    };
}
