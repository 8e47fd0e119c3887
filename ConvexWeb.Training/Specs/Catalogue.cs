using ConvexWeb.Training.Annealing;
using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Options;
using ConvexWeb.Training.Pixels;
using ConvexWeb.Training.Regularization;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs;

/// <summary>One entry of a catalogue: a model, a data set, …, with its source and its parameters.</summary>
public sealed record Entry(string Name, string Title, string Source, string Summary)
{
    public IReadOnlyList<Parameter> Parameters => Schema.Of(Options);

    /// <summary>The record that holds its parameters.</summary>
    public required Type Options { get; init; }

    internal static Entry Of<T>(string title, string source, string summary) where T : ChoiceOptions, new()
        => new(ChoiceAttribute.NameOf(typeof(T)), title, source, summary) { Options = typeof(T) };
}

/// <summary>
/// One section of the spec. With <see cref="Choices"/>, its <c>name</c> field picks one;
/// without, it has <see cref="Parameters"/> of its own.
/// </summary>
/// <param name="Plural">The word of the command line: <c>list models</c>.</param>
public sealed record Section(string Key, string Plural, string Title, string Summary, IReadOnlyList<Entry> Choices)
{
    /// <summary>The record of a section without choices.</summary>
    internal Type? Options { get; init; }

    public IReadOnlyList<Parameter> Parameters => Options is null ? [] : Schema.Of(Options);

    public Entry? Find(string name) => Choices.FirstOrDefault(e => e.Name == name);
}

/// <summary>All catalogues, as explicit lists. Reading them loads nothing native.</summary>
public static class Catalogue
{
    public static Section Models { get; } = new("model", "models", "Model", "The network that is trained.",
    [
        Entry.Of<MlpOptions>("MLP", "IOC paper s4; seed 000 4.1.1 (S2)",
            "Three hidden layers of 800 units with batch normalisation; with a convexity constraint it is the IOC-MLP."),
        Entry.Of<AllConvOptions>("AllConv", "Springenberg et al. 2015; IOC paper s4 (S3)",
            "Nine convolutions and nothing else: All-CNN-C; with a constraint IOC-AllConv."),
        Entry.Of<DenseNetOptions>("DenseNet", "Huang et al. 2017; IOC paper s4; seed 000 5.4 (S4)",
            "Each layer sees all before it. BC-100-12 for small images, 121 for ImageNet."),
        Entry.Of<MixerOptions>("MLP-Mixer", "Tolstikhin et al. 2021; seed 000 4.2 and 5.2 (S5)",
            "MLPs over tokens and channels in turn. Convex in mode strict only: LayerNorm breaks it."),
        Entry.Of<CycleMlpOptions>("CycleMLP-B1", "Chen et al. 2022; seed 000 4.3 and 5.3 (S6)",
            "MLPs that look at neighbouring pixels, one channel at a time. "
            + "Convex in mode strict only: LayerNorm and the softmax gate break it."),
        Entry.Of<EfficientNetOptions>("EfficientNet-B0", "Tan and Le 2019; seed 000 s6 (S7a)",
            "Inverted residual blocks; convex without squeeze and excitation. No published number."),
        Entry.Of<ConvexHeadOptions>("Convex head on a CNN", "seed 000 s6 (S7b)",
            "A free convolutional network with an IOC-MLP on its features: "
            + "convex in the features, not in the pixels. No published number."),
        Entry.Of<FicnnOptions>("FICNN", "Amos et al. 2017; IOC paper T4 (S7c)",
            "Every layer sees the input again; convex with the constraint clip."),
        Entry.Of<EnsembleEmOptions>("Mixture of convex experts", "IOC paper s3.3, s4.1 (S7d)",
            "Binary IOC-MLPs with one output each and a gate, trained by expectation-maximisation. "
            + "For two classes: CIFAR-10's animals against the rest."),
        Entry.Of<EnsembleBoostOptions>("Boosted convex experts", "IOC paper s4, T6 (S7d)",
            "Experts trained one after another on re-weighted images, then a gate that chooses between them."),
        Entry.Of<SmallAlexNetOptions>("Small AlexNet", "Zhang et al. 2017 App. A (S8)",
            "Two convolutions and three dense layers for images of 28 × 28; local response norm breaks input convexity."),
        Entry.Of<SmallInceptionOptions>("Small Inception", "Zhang et al. 2017 App. A (S8)",
            "Eight inception modules for images of 28 × 28, with and without batch normalisation."),
        Entry.Of<WideResNetOptions>("Wide ResNet", "Zagoruyko and Komodakis 2016; pluskid/fitting-random-labels (S8)",
            "Residual network; WRN-28-1 is the one that fits random labels in the public code."),
        Entry.Of<ResNet18Options>("ResNet18", "He et al. 2016; Neyshabur 2020, A.1 (S11)",
            "Residual network for small images, of any width, with kernels of any odd side."),
        Entry.Of<Seed001MlpOptions>("MLP of seed 001", "seed 001, Code.py (S8a)",
            "1000, 800 and 800 units; and the seed's convex network."),
        Entry.Of<Seed001CnnOptions>("CNN of seed 001", "seed 001, Code.py (S8a)", "Three convolutions with pools and two dense layers."),
        Entry.Of<SdNetOptions>("S- and D- networks", "Neyshabur 2020; seed 002 (S11)",
            "A shallow or deep convolutional network, or its locally or fully connected counterpart."),
        Entry.Of<AnnealCnnOptions>("Annealed CNN", "seed 003, ecotner/ConvexityAnnealing (S13)",
            "Three convolutions whose activations go from the identity to ReLU while it trains."),
    ]);

    public static Section Constraints { get; } = new("convexity", "constraints", "Input convexity",
        "Whether the logits are kept convex functions of the input.",
    [
        Entry.Of<NoConvexityOptions>("Unconstrained", "", "An ordinary network: the twin of a convex one."),
        Entry.Of<ExpEpsOptions>("IOC: exp(w − eps)", "IOC paper Alg. 1 (S1)",
            "After every step, each negative weight beyond the first affine layer becomes exp(w − eps)."),
        Entry.Of<ClipOptions>("IOC: clip at 0", "IOC paper s4, tried and rejected (S1); FICNN, Amos et al. (S7c)",
            "After every step, each negative weight beyond the first affine layer becomes 0."),
        Entry.Of<AbsOptions>("IOC: absolute value", "IOC paper s4, tried and rejected (S1)",
            "After every step, each negative weight beyond the first affine layer loses its sign."),
        Entry.Of<ShiftOptions>("IOC: shift", "IOC paper s4, tried and rejected; definition ours (S1)",
            "After every step, each tensor beyond the first affine layer is shifted up until its smallest weight is 0."),
        Entry.Of<SoftplusReparamOptions>("IOC: softplus of a free weight", "ours (S1)",
            "Weights beyond the first affine layer are softplus of what is trained: positive by construction."),
    ]);

    public static Section Datasets { get; } = new("data", "datasets", "Data", "The images, and how they reach the network.",
    [
        Entry.Of<GlyphsOptions>("Glyphs", "made on the spot",
            "28 × 28 digits drawn from strokes with seeded distortions; needs no network."),
        Entry.Of<ToyShapesOptions>("Toy shapes", "IOC paper, figures 2 and 3 (S2); read from the figure",
            "Points of the unit square, inside or outside of four shapes; needs no network."),
        Entry.Of<Cifar10Options>("CIFAR-10", "Krizhevsky 2009", "32 × 32 colour photographs of 10 classes; 50,000 / 10,000."),
        Entry.Of<Cifar100Options>("CIFAR-100", "Krizhevsky 2009", "32 × 32 colour photographs of 100 classes; 50,000 / 10,000."),
        Entry.Of<Cifair10Options>("ciFAIR-10", "Barz and Denzler 2020, arXiv 1902.00423",
            "CIFAR-10 with test images that have no near-duplicates; 50,000 / 10,000."),
        Entry.Of<Cifair100Options>("ciFAIR-100", "Barz and Denzler 2020, arXiv 1902.00423",
            "CIFAR-100 with test images that have no near-duplicates; 50,000 / 10,000."),
        Entry.Of<SvhnOptions>("SVHN", "Netzer et al. 2011", "32 × 32 colour photographs of house numbers' digits; 73,257 / 26,032."),
        Entry.Of<Stl10Options>("STL-10", "Coates et al. 2011", "96 × 96 colour photographs of 10 classes; 5,000 / 8,000 labelled ones."),
        Entry.Of<MnistOptions>("MNIST", "LeCun et al. 1998", "28 × 28 handwritten digits; 60,000 / 10,000."),
        Entry.Of<FashionMnistOptions>("Fashion-MNIST", "Xiao et al. 2017", "28 × 28 articles of clothing; 60,000 / 10,000."),
        Entry.Of<ImageFolderOptions>("Folder of JPEGs", "your own",
            "Photographs in train/CLASS and val/CLASS of a folder in the data directory, brought to one size."),
        Entry.Of<ImageNetOptions>("ImageNet", "Russakovsky et al. 2015",
            "Photographs of 1,000 classes, brought to one size; 1,281,167 / 50,000. Unpack them into the folder imagenet yourself."),
    ]);

    public static Section Corruptions { get; } = new("labels", "corruptions", "Labels",
        "What is done to the training labels, once for the whole run. Test labels are never touched.",
    [
        Entry.Of<TrueLabelOptions>("True labels", "", "The labels as they are."),
        Entry.Of<PartialLabelOptions>("Partly random", "Zhang et al. s2.1",
            "Each label is redrawn uniformly with probability p; it may come out true."),
        Entry.Of<PartialExactLabelOptions>("Partly random, exact count", "IOC paper T3 (resolved)",
            "Exactly round(p·n) labels are redrawn uniformly."),
        Entry.Of<RandomLabelOptions>("Random labels", "Zhang et al. s2.1", "Every label is redrawn: only memory can fit them."),
        Entry.Of<SymmetricWrongLabelOptions>("Wrong labels", "Nakkiran et al. 2019 (extra)",
            "With probability p a label becomes one of the others, so that a share of p is wrong."),
        Entry.Of<Seed001LabelOptions>("Partly random, as seed 001's code", "seed 001, Code.py (S8a)",
            "Drawn with replacement, so that fewer labels are touched than p says, and from ten classes only."),
    ]);

    public static Section PixelCorruptions { get; } = new("pixels", "pixel_corruptions", "Pixels",
        "What is done to the images, once for the whole run, training and test images alike.",
    [
        Entry.Of<TruePixelOptions>("True images", "", "The images as they are."),
        Entry.Of<ShuffledPixelOptions>("Shuffled pixels", "Zhang et al. s2.1 (S8)", "One permutation of the places for all images."),
        Entry.Of<RandomPixelOptions>("Random pixels", "Zhang et al. s2.1 (S8)", "A permutation of the places for each image."),
        Entry.Of<GaussianPixelOptions>("Gaussian", "Zhang et al. s2.1 (S8)",
            "Each image becomes normal noise with the mean and deviation of the training images, channel by channel."),
        Entry.Of<AddedNoiseOptions>("Added noise", "ours (extra)", "Normal noise on top of each image."),
        Entry.Of<Seed001GaussianOptions>("Gaussian, as seed 001's code", "seed 001, Code.py (S8a)",
            "The top three rows of each training image become one number each; the rest of the image stays."),
        Entry.Of<Seed001RowsOptions>("Random pixels, as seed 001's code", "seed 001, Code.py (S8a)",
            "The rows of each training image in another order."),
        Entry.Of<Seed001ShuffledOptions>("Shuffled pixels, as seed 001's code", "seed 001, Code.py (S8a)",
            "One permutation of the places, for the training images only."),
    ]);

    public static Section Augmentation { get; } = new("augmentation", "augmentations", "Augmentation",
        "What is done to each training batch, anew at every step. Evaluation never sees it.", [])
    {
        Options = typeof(AugmentationOptions),
    };

    public static Section Regularization { get; } = new("regularization", "regularizations", "Regularization",
        "Penalties in the loss. Dropout is the models' own, weight decay the optimizers', early stopping the training's.", [])
    {
        Options = typeof(RegularizationOptions),
    };

    public static Section Optimizers { get; } = new("optimizer", "optimizers", "Optimizer", "How the weights move.",
    [
        Entry.Of<AdamOptions>("Adam", "Kingma and Ba 2015, arXiv 1412.6980", "Adam with L2 in the gradient."),
        Entry.Of<AdamWOptions>("AdamW", "Loshchilov and Hutter 2019, arXiv 1711.05101", "Adam with decoupled weight decay."),
        Entry.Of<SgdOptions>("SGD", "", "Stochastic gradient descent with momentum."),
        Entry.Of<BetaLassoOptions>("β-LASSO", "Neyshabur 2020, arXiv 2007.13657; seed 002 (S12)",
            "Gradient descent that shrinks weights and cuts small ones to exactly 0."),
    ]);

    public static Section Schedules { get; } = new("schedule", "schedules", "Schedule", "The learning rate's factor over the run.",
    [
        Entry.Of<ConstantScheduleOptions>("Constant", "", "The learning rate stays."),
        Entry.Of<CosineScheduleOptions>("Cosine", "Loshchilov and Hutter 2017", "Falls along half a cosine, after an optional warm-up."),
        Entry.Of<TimmCosineScheduleOptions>("Cosine, as timm steps it", "timm's CosineLRScheduler; CycleMLP's recipe (S6)",
            "One rate an epoch, set by the epoch before: warm-up, then half a cosine that counts the warm-up in."),
        Entry.Of<MultiStepScheduleOptions>("Steps", "", "Falls by a factor at given epochs."),
        Entry.Of<PlateauScheduleOptions>("Plateau", "seed 000's IOC-DenseNet on ImageNet (S4)",
            "Falls by a factor when the training loss has stopped falling."),
        Entry.Of<LinearScheduleOptions>("Linear", "seed 003, config.py (S13)", "Falls by the same amount in every epoch."),
        Entry.Of<InverseScheduleOptions>("Inverse", "seed 003, config.py (S13)", "The base rate over the number of the epoch."),
        Entry.Of<ExponentialScheduleOptions>("Exponential", "Zhang et al. App. A (0.95 an epoch)", "Falls by a factor every epoch."),
    ]);

    public static Section Annealings { get; } = new("annealing", "annealings", "Annealing",
        "The angle of annealed activations over the run: π/4 is the identity, 0 is ReLU. Other models have none.",
    [
        Entry.Of<ConstantAnnealingOptions>("Constant", "seed 003 (S13)", "One angle for the whole run; 0 is an ordinary ReLU network."),
        Entry.Of<LinearAnnealingOptions>("Linear", "seed 003, config.py (S13)", "Falls by the same amount in every epoch."),
        Entry.Of<SqrtAnnealingOptions>("Square root", "seed 003, named in plot_utils.py (S13, resolved)", "Falls fast at first."),
        Entry.Of<RootAnnealingOptions>("Root of what is left", "seed 003, the other reading of sqrt (S13, resolved)",
            "Falls slowly at first."),
        Entry.Of<PowerAnnealingOptions>("Power", "seed 003, named in plot_utils.py (S13, resolved)", "A power of what is left."),
        Entry.Of<StagedAnnealingOptions>("Staged", "seed 003, its text (S13, resolved)",
            "Holds until the validation loss stops falling, then takes the next step; ends in a ReLU network."),
    ]);

    public static Section Training { get; } = new("training", "training", "Training", "How long to train, and what to report.", [])
    {
        Options = typeof(TrainingOptions),
    };

    /// <summary>In the order of the form and of stored specs.</summary>
    public static IReadOnlyList<Section> Sections { get; } =
    [
        Models, Constraints, Datasets, Corruptions, PixelCorruptions, Augmentation, Regularization, Optimizers,
        Schedules, Annealings, Training,
    ];
}
