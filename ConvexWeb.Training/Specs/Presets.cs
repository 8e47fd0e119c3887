using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Corruptions;
using ConvexWeb.Training.Datasets;

namespace ConvexWeb.Training.Specs;

/// <summary>A named spec, with the table cell it reproduces as its source.</summary>
public sealed record Preset(string Name, string Title, string Source, string Summary, Spec Spec);

/// <summary>The list of presets.</summary>
public static class Presets
{
    public static IReadOnlyList<Preset> All { get; } =
    [
        new("demo-glyphs", "Demo on glyphs", "ours", "The MLP of S2 on 5,000 drawn digits, often enough to memorise them; some 20 seconds a run on one core.",
            new Spec
            {
                Data = new GlyphsOptions { TrainSize = 5000, TestSize = 1500, Distortion = 0.8, Preprocessing = "standardize" },
                Training = new TrainingOptions { Epochs = 16 },
            }),
        .. Mlps("mnist", "MNIST", new MnistOptions { Validation = 0.1 }),
        .. Mlps("fashion-mnist", "Fashion-MNIST", new FashionMnistOptions { Validation = 0.1 }),
        .. Mlps("cifar10", "CIFAR-10", new Cifar10Options { Validation = 0.1 }),
        .. Mlps("cifar100", "CIFAR-100", new Cifar100Options { Validation = 0.1 }),
        Small("mlp-cifar10-true-small", "MLP, CIFAR-10, true labels, small", new NoConvexityOptions(), new TrueLabelOptions()),
        Small("mlp-cifar10-random-small", "MLP, CIFAR-10, random labels, small", new NoConvexityOptions(), new RandomLabelOptions()),
        Small("ioc-mlp-cifar10-true-small", "IOC-MLP, CIFAR-10, true labels, small", new ExpEpsOptions(), new TrueLabelOptions()),
        Small("ioc-mlp-cifar10-random-small", "IOC-MLP, CIFAR-10, random labels, small", new ExpEpsOptions(), new RandomLabelOptions()),
    ];

    public static Preset? Find(string name) => All.FirstOrDefault(p => p.Name == name);

    // Recipe of S2.5: Adam 1e-4, batch 64, validation on the last tenth of a seeded permutation, at most 200 epochs.
    private static IEnumerable<Preset> Mlps(string key, string title, DataOptions data)
    {
        var training = new TrainingOptions { Epochs = 200, BatchSize = 64, Patience = 20 };
        yield return new($"mlp-{key}", $"MLP, {title}", $"IOC paper T1, {title}, NN", "The unconstrained twin of the paper's first table.",
            new Spec { Data = data, Training = training });
        yield return new($"ioc-mlp-{key}", $"IOC-MLP, {title}", $"IOC paper T1, {title}, IOC-NN", "The convex network of the paper's first table.",
            new Spec { Data = data, Convexity = new ExpEpsOptions(), Training = training });
    }

    private static Preset Small(string name, string title, ConvexityOptions convexity, LabelOptions labels)
        => new(name, title, "not the source's setting", "10,000 images for 30 epochs: minutes on two cores.",
            new Spec
            {
                Convexity = convexity,
                Data = new Cifar10Options { TrainLimit = 10_000 },
                Labels = labels,
                Training = new TrainingOptions { Epochs = 30, BatchSize = 128 },
            });
}
