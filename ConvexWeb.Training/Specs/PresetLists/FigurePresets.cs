using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>Figures of the IOC paper as studies: what they vary, and the values that their plots show (science.md S2.6, S3.6).</summary>
internal static class FigurePresets
{
    private const string Group = "Figures (IOC paper)";
    private const string Twins = "none, exp_eps";

    public static IEnumerable<Preset> All =>
    [
        Figure("figure-1a-ioc", "Figure 1a: loss of AllConv and IOC-AllConv",
            "IOC paper, figure 1a, read from the plot: AllConv train 0.05, test about 0.8 behind a minimum just under 0.5 near epoch 20 to "
            + "25; IOC 0.56 and 0.58",
            "200 epochs at a constant rate, since the plot shows no step.", ConvTwins(200), Varied(("convexity.name", Twins))),
        Figure("figure-1b-ioc", "Figure 1b: MLP and IOC-MLP on random labels",
            "IOC paper, figure 1b, read from the plot: MLP train ends at about 96 % (the caption says 100) with test 10; IOC 10 and 10",
            "90 epochs on labels that say nothing: what is learnt is memory.", new Spec
            {
                Data = new Cifar10Options(),
                Labels = new RandomLabelOptions(),
                Training = new TrainingOptions { Epochs = 90, BatchSize = 64 },
            }, Varied(("convexity.name", Twins))),
        Figure("figure-1d-ioc", "Figures 1c and 1d: AllConv and IOC-AllConv, half of the labels random",
            "IOC paper, figures 1c and 1d, read from the plots: IOC accuracy 0.46 train, 0.77 test, loss 1.79 and 0.985; AllConv 0.73 and "
            + "0.54, loss 0.815 and 1.67, test peak 0.79 near epoch 60",
            "1,200 epochs.", ConvTwins(1200) with
            {
                Labels = new PartialExactLabelOptions { P = 0.5 },
                Augmentation = new AugmentationOptions(),
            }, Varied(("convexity.name", Twins))),
        Figure("figure-5a-ioc", "Figure 5a: mixtures of 2 to 10 convex experts",
            "IOC paper, figure 5a, read from the plot, test accuracy of 1 to 10 experts: 83.5 86.0 86.8 87.3 88.5 88.7 89.0 89.1 89.1 "
            + "89.1; the plain network 89.55",
            "Animals against the rest; the point of one expert, which has no gate to share its epochs with, is the preset "
            + "em-animal-1.", new Spec
            {
                Model = new EnsembleEmOptions { Experts = 2 },
                Convexity = new ExpEpsOptions(),
                Data = new Cifar10Options { Task = Cifar10Task.Animal, Validation = 0.1 },
                Training = new TrainingOptions { Epochs = 60, BatchSize = 64 },
            }, Varied(("model.experts", "2, 3, 4, 5, 6, 7, 8, 9, 10"))),
        Figure("figure-6-mlp-ioc", "Figure 6: calibration of MLP and IOC-MLP", Calibration("MLP", "1.86", "0.87"), Sums,
            new Spec
            {
                Data = new Cifar10Options { Validation = 0.1 },
                Training = MlpPresets.Recipe,
            }, Varied(("convexity.name", Twins))),
        Figure("figure-6-allconv-ioc", "Figure 6: calibration of AllConv and IOC-AllConv", Calibration("AllConv", "1.74", "0.93"), Sums,
            ConvTwins(350) with { Schedule = new MultiStepScheduleOptions { Milestones = [200, 250, 300] } },
            Varied(("convexity.name", Twins))),
        Figure("figure-6-densenet-ioc", "Figure 6: calibration of DenseNet and IOC-DenseNet", Calibration("DenseNet", "1.61", "1.37"), Sums,
            DenseNetPresets.Recipe(new Cifar10Options(), DenseNetVariant.Bc100_12, augmented: false), Varied(("convexity.name", Twins))),
        Figure("figure-3-toy-ioc", "Figures 2 and 3: shapes in the plane, MLP and IOC-MLP with two outputs",
            "IOC paper, figures 2 and 3, no number: two convex outputs can draw any region, since their difference need not be convex",
            "Points inside or outside of four shapes.", Toy(new MlpOptions { Width = 100 }), Varied(("convexity.name", Twins)),
            needsGpu: false),
        Figure("figure-2-toy-one-output-ioc", "Figure 2: shapes in the plane, IOC-MLP with one output",
            "IOC paper, figure 2, no number: the region of one convex output is a convex set",
            "The same points and one sigmoid output.",
            Toy(new EnsembleEmOptions { Experts = 1, Width = 100 }) with { Convexity = new ExpEpsOptions() }, Varied(), needsGpu: false),
    ];

    private const string Sums = "Compare test/ece_ten_bin_sum.";

    private static string Calibration(string name, string plain, string convex)
        => $"IOC paper, figure 6, read from the plot, plain sum over ten bars: {name} {plain}, IOC-{name} {convex}";

    // A pair with one recipe, that of the convex network; the constraint brings ELU and whitening with it, as in the paper.
    private static Spec ConvTwins(int epochs) => new()
    {
        Model = new AllConvOptions(),
        Data = new Cifar10Options(),
        Augmentation = new AugmentationOptions { Flip = true, PadCrop = 4 },
        Optimizer = new SgdOptions { Lr = 0.01 },
        Training = new TrainingOptions { Epochs = epochs, BatchSize = 128 },
    };

    private static Spec Toy(ModelOptions model) => new()
    {
        Model = model,
        Data = new ToyShapesOptions { Preprocessing = PreprocessingKind.Standardize },
        Optimizer = new AdamOptions { Lr = 1e-3 },
        Training = new TrainingOptions { Epochs = 200, BatchSize = 64, EvaluateEvery = 10 },
    };

    private static Dictionary<string, string> Varied(params (string Path, string Values)[] fields)
        => fields.ToDictionary(field => field.Path, field => field.Values);

    private static Preset Figure(
        string name, string title, string source, string summary, Spec spec, IReadOnlyDictionary<string, string> varied,
        bool needsGpu = true)
        => new(name, title, Group, source, summary,
            Notes(spec), spec, needsGpu)
        {
            Study = new(varied, "0-2"),
        };

    private static PresetNotes Notes(Spec spec) => spec switch
    {
        { Data: ToyShapesOptions } => new(
            "All of the recipe: 100 units a layer, Adam 1e-3, 200 epochs, standardised points, no early stop. Three seeds.",
            "The shapes are drawn after the figure; the paper gives no number for them."),
        { Model: EnsembleEmOptions } => EnsemblePresets.OfMixtures with
        {
            Differs = "Values are read from the plot, to about a percent; three seeds where it shows one curve. "
                + EnsemblePresets.OfMixtures.Differs,
        },
        _ => new(
            "The paper gives no recipe for its figures: each has that of its network's table, one for both twins. The convex twin differs "
            + "in the constraint and in what the paper gives its convex networks with it, ELU and whitened images. Three seeds; the plots "
            + "show one curve.",
            "Values are read from plots, to about a percent."
            + (spec.Model is AllConvOptions
                ? " AllConv has rate 0.01 and no weight decay for both twins, which is ours for the convex one; "
                    + "the base's are 0.05 and 1e-3. Standardised or whitened in place of contrast normalisation and whitening; where "
                    + "augmented, shifts of 4 pixels for 5."
                : "")),
    };
}
