using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Corruptions;
using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs;

/// <summary>One entry of a catalogue: a model, a data set, …, with its source and its parameters.</summary>
public sealed record Entry(string Name, string Title, string Source, string Summary)
{
    public IReadOnlyList<Parameter> Parameters => Schema.Of(Options);

    /// <summary>The record that holds its parameters.</summary>
    public required Type Options { get; init; }

    internal static Entry Of<T>(string name, string title, string source, string summary) where T : ChoiceOptions, new()
        => new(name, title, source, summary) { Options = typeof(T) };
}

/// <summary>One section of the spec. With <see cref="Choices"/>, its <c>name</c> field picks one; without, it has <see cref="Parameters"/> of its own.</summary>
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
        Entry.Of<MlpOptions>("mlp", "MLP", "IOC paper s4; seed 000 4.1.1 (S2)",
            "Three hidden layers of 800 units with batch normalisation; with a convexity constraint it is the IOC-MLP."),
    ]);

    public static Section Constraints { get; } = new("convexity", "constraints", "Input convexity", "Whether the logits are kept convex functions of the input.",
    [
        Entry.Of<NoConvexityOptions>("none", "Unconstrained", "", "An ordinary network: the twin of a convex one."),
        Entry.Of<ExpEpsOptions>("exp_eps", "IOC: exp(w − eps)", "IOC paper Alg. 1 (S1)",
            "After every step, each negative weight beyond the first affine layer becomes exp(w − eps)."),
        Entry.Of<ClipOptions>("clip", "IOC: clip at 0", "IOC paper s4, tried and rejected (S1)", "After every step, each negative weight beyond the first affine layer becomes 0."),
    ]);

    public static Section Datasets { get; } = new("data", "datasets", "Data", "The images, and how they reach the network.",
    [
        Entry.Of<GlyphsOptions>("glyphs", "Glyphs", "made on the spot", "28 × 28 digits drawn from strokes with seeded distortions; needs no network."),
        Entry.Of<Cifar10Options>("cifar10", "CIFAR-10", "Krizhevsky 2009", "32 × 32 colour photographs of 10 classes; 50,000 / 10,000."),
        Entry.Of<Cifar100Options>("cifar100", "CIFAR-100", "Krizhevsky 2009", "32 × 32 colour photographs of 100 classes; 50,000 / 10,000."),
        Entry.Of<MnistOptions>("mnist", "MNIST", "LeCun et al. 1998", "28 × 28 handwritten digits; 60,000 / 10,000."),
        Entry.Of<FashionMnistOptions>("fashion_mnist", "Fashion-MNIST", "Xiao et al. 2017", "28 × 28 articles of clothing; 60,000 / 10,000."),
    ]);

    public static Section Corruptions { get; } = new("labels", "corruptions", "Labels", "What is done to the training labels, once for the whole run. Test labels are never touched.",
    [
        Entry.Of<TrueLabelOptions>("true", "True labels", "", "The labels as they are."),
        Entry.Of<PartialLabelOptions>("partial", "Partly random", "Zhang et al. s2.1", "Each label is redrawn uniformly with probability p; it may come out true."),
        Entry.Of<PartialExactLabelOptions>("partial_exact", "Partly random, exact count", "IOC paper T3 (resolved)", "Exactly round(p·n) labels are redrawn uniformly."),
        Entry.Of<RandomLabelOptions>("random", "Random labels", "Zhang et al. s2.1", "Every label is redrawn: only memory can fit them."),
    ]);

    public static Section Optimizers { get; } = new("optimizer", "optimizers", "Optimizer", "How the weights move.",
    [
        Entry.Of<AdamOptions>("adam", "Adam", "Kingma and Ba 2015, arXiv 1412.6980", "Adam with L2 in the gradient."),
        Entry.Of<AdamWOptions>("adamw", "AdamW", "Loshchilov and Hutter 2019, arXiv 1711.05101", "Adam with decoupled weight decay."),
        Entry.Of<SgdOptions>("sgd", "SGD", "", "Stochastic gradient descent with momentum."),
    ]);

    public static Section Schedules { get; } = new("schedule", "schedules", "Schedule", "The learning rate's factor over the run.",
    [
        Entry.Of<ConstantScheduleOptions>("constant", "Constant", "", "The learning rate stays."),
        Entry.Of<CosineScheduleOptions>("cosine", "Cosine", "Loshchilov and Hutter 2017", "Falls along half a cosine, after an optional warm-up."),
        Entry.Of<MultiStepScheduleOptions>("multi_step", "Steps", "", "Falls by a factor at given epochs."),
        Entry.Of<ExponentialScheduleOptions>("exponential", "Exponential", "Zhang et al. App. A (0.95 an epoch)", "Falls by a factor every epoch."),
    ]);

    public static Section Training { get; } = new("training", "training", "Training", "How long to train, and what to report.", []) { Options = typeof(TrainingOptions) };

    /// <summary>In the order of the form and of stored specs.</summary>
    public static IReadOnlyList<Section> Sections { get; } = [Models, Constraints, Datasets, Corruptions, Optimizers, Schedules, Training];

    private static readonly Dictionary<Type, Entry> ByOptions = Sections.SelectMany(s => s.Choices).ToDictionary(e => e.Options);

    public static Entry EntryOf(Type options) => ByOptions[options];
}
