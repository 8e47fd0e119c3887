using ConvexWeb.Training.Annealing;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Regularization;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>
/// Convexity annealing (science.md S13): seed 003's baseline, its schedules, its trainable angles and the variants of its to-do list.
/// No number of it is published.
/// </summary>
internal static class AnnealingPresets
{
    private const string Group = "Convexity annealing (seed 003)";

    private static readonly PresetNotes Notes = new(
        "Pools between the convolutions (6,362 parameters); the plain cross-entropy of the validation images chooses the best; θ is stored "
        + "with the weights. The coefficient of the regularizer is not published: none here. At θ = π/4 with pools the network is not "
        + "linear, and its loss is not convex in the weights in any case: see the command loss-convexity.",
        "Adam as PyTorch has it: Keras adds epsilon in another place and as 1e-7. The source's last linear angle is not 0 and it scores "
        + "weights chosen at θ > 0 as a ReLU network; its macro metrics are averaged over batches.");

    public static IEnumerable<Preset> All =>
    [
        One("anneal-baseline", "ReLU network", "config.py: constant 0, inverse rate", "The baseline: θ = 0 throughout.",
            new ConstantAnnealingOptions()),
        One("anneal-linear", "θ falls by the same amount each epoch", "config.py: linear", "The last angle is (π/4)/E, above 0.",
            new LinearAnnealingOptions()),
        One("anneal-linear-to-zero", "θ falls to 0 in 60 epochs", "seed 003: \"slowly reduce to θ = 0 over fixed period\"",
            "Ends as a ReLU network, which the source's schedule does not.", new LinearAnnealingOptions { AnnealEpochs = 60 }),
        One("anneal-sqrt", "θ falls fast at first", "plot_utils.py names sqrt", "1 less a root.", new SqrtAnnealingOptions()),
        One("anneal-root", "θ falls slowly at first", "plot_utils.py names sqrt, the other reading", "The root of what is left.",
            new RootAnnealingOptions()),
        One("anneal-power", "θ falls as a square", "plot_utils.py names pow", "The square of what is left.", new PowerAnnealingOptions()),
        One("anneal-staged", "θ falls when the validation loss stops falling",
            "seed 003: \"once … sufficiently optimized, we tweak … and repeat\"",
            "Eight steps, the last to 0.", new StagedAnnealingOptions()),
        Trained("anneal-shared", "One trained θ", "seed 003, to do 3", AnnealAngle.Shared),
        Trained("anneal-per-layer", "A trained θ for each layer", "model_keras.py: PReLU for each layer", AnnealAngle.PerLayer),
        Trained("anneal-per-neuron", "A trained θ for each neuron", "seed 003, to do 4", AnnealAngle.PerNeuron),
        Youden("anneal-youden", "Youden plot of the schedules", ("annealing.name", "constant, linear, sqrt, root, power, staged"),
            Recipe()),
        Youden("anneal-youden-rates", "Youden plot of schedules by learning rate", ("annealing.name", "constant, linear, staged"), Recipe(),
            ("optimizer.lr", "0.0003, 0.001, 0.003, 0.01")),
        Youden("anneal-youden-l2", "Youden plot of schedules by l2 on the hidden kernels", ("annealing.name", "constant, linear, staged"),
            Recipe() with { Regularization = new RegularizationOptions { L2 = 1e-4, On = PenalisedTensors.Hidden } },
            ("regularization.l2", "0, 0.0001, 0.001")),
        Youden("anneal-without-pools", "The network that is linear at π/4", ("annealing.name", "constant, linear, staged"),
            Recipe() with { Model = new AnnealCnnOptions { Pooling = AnnealPooling.None } }),
    ];

    internal static Spec Recipe() => new()
    {
        Model = new AnnealCnnOptions(),
        Data = new MnistOptions { Preprocessing = PreprocessingKind.None, Validation = 0.05, ValidationPart = ValidationPart.First },
        Optimizer = new AdamOptions { Lr = 1e-3 },
        Schedule = new InverseScheduleOptions(),
        Training = new TrainingOptions
        {
            Epochs = 100, BatchSize = 32, Sampler = SamplerKind.InOrder, PatienceOn = StoppingSignal.ValidationLoss,
        },
    };

    private static Preset One(string name, string title, string source, string summary, AnnealingOptions annealing)
        => new(name, title, Group, "ecotner/ConvexityAnnealing (seed 003), " + source, summary, Notes,
            Recipe() with { Annealing = annealing });

    private static Preset Trained(string name, string title, string source, AnnealAngle angle)
        => new(name, title, Group, "ecotner/ConvexityAnnealing (seed 003), " + source,
            "(π/4)·sigmoid(t), which stays between ReLU and the identity.", Notes,
            Recipe() with { Model = new AnnealCnnOptions { Theta = angle } });

    private static Preset Youden(string name, string title, (string, string) varied, Spec spec, (string, string)? more = null)
        => new(name, title, Group, "ecotner/ConvexityAnnealing (seed 003), plot_utils.py, no number",
            "Two numbers of each run's series, such as final test loss by final training loss; a point a run.", Notes, spec)
        {
            Study = new(new[] { varied }.Concat(more is { } second ? [second] : []).ToDictionary(pair => pair.Item1, pair => pair.Item2),
                "0-2"),
        };
}
