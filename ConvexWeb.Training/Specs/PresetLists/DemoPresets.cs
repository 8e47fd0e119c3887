using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>What the first start queues, and the comparison of the README.</summary>
internal static class DemoPresets
{
    public static IEnumerable<Preset> All =>
    [
        new("demo-glyphs", "Demo on glyphs", "Demo", "ours",
            "The MLP of S2 on 5,000 drawn digits, often enough to memorise them; some 15 seconds a run on one core.", PresetNotes.Ours,
            new Spec
            {
                Data = new GlyphsOptions
                {
                    TrainSize = 5000,
                    TestSize = 1500,
                    Distortion = 0.8,
                    Preprocessing = PreprocessingKind.Standardize,
                },
                Training = new TrainingOptions { Epochs = 12 },
            }),
        Labels("mlp-cifar10-true-small", "MLP, CIFAR-10, true labels, small", new NoConvexityOptions(), new TrueLabelOptions()),
        Labels("mlp-cifar10-random-small", "MLP, CIFAR-10, random labels, small", new NoConvexityOptions(), new RandomLabelOptions()),
        Labels("ioc-mlp-cifar10-true-small", "IOC-MLP, CIFAR-10, true labels, small", new ExpEpsOptions(), new TrueLabelOptions()),
        Labels("ioc-mlp-cifar10-random-small", "IOC-MLP, CIFAR-10, random labels, small", new ExpEpsOptions(), new RandomLabelOptions()),
    ];

    private static Preset Labels(string name, string title, ConvexityOptions convexity, LabelOptions labels)
        => new(name, title, "True and random labels", "not the source's setting", "10,000 images for 30 epochs: minutes on two cores.",
            PresetNotes.Ours,
            new Spec
            {
                Convexity = convexity,
                Data = new Cifar10Options { TrainLimit = 10_000 },
                Labels = labels,
                Training = new TrainingOptions { Epochs = 30, BatchSize = 128 },
            });
}
