using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>Figures 1, 2, 5 and 6 of Neyshabur 2020 as studies (science.md S11.6). None of them has a number in the text.</summary>
internal static class NeyshaburFigures
{
    public static IEnumerable<Preset> All => [.. Counts(), .. Widths(), .. Kernels()];

    // Figure 1 draws counts and trains nothing: the shortest run that there is says its count.
    private static IEnumerable<Preset> Counts()
    {
        const string summary = "Parameters of six networks. Each run is one epoch of 64 images: its count is what the figure shows.";
        var spec = SdNetPresets.Cosine(new SdNetOptions { Kind = SdNetKind.SConv }, SdNetPresets.Sets[0].Data with
        {
            TrainLimit = 64,
            TestLimit = 64,
        }, epochs: 1);
        spec = spec with { Augmentation = new AugmentationOptions(), Training = spec.Training with { BatchSize = 64 } };
        const string kinds = "s_conv, s_local, s_fc, d_conv, d_local, d_fc";
        yield return Study("figure-1-neyshabur-channels", "Figure 1: parameters by base channels", "figure 1", summary, Counted,
            spec, gpu: false, ("model.kind", kinds), ("model.alpha", "1, 2, 4, 8"));
        yield return Study("figure-1-neyshabur-side", "Figure 1: parameters by the side of the images", "figure 1", summary, Counted,
            spec with { Data = spec.Data with { Resize = 32 } },
            gpu: false, ("model.kind", kinds), ("data.resize", "16, 32, 48, 64"));
    }

    // Figure 6 is the same runs: the best test accuracy by the smallest count that reaches a training accuracy.
    private static IEnumerable<Preset> Widths()
    {
        foreach (var set in SdNetPresets.Sets)
        {
            yield return Study($"figure-2-neyshabur-{set.Key}", $"Figures 2 and 6: test accuracy by parameters, {set.Title}",
                "figures 2 and 6", "Three of its networks at six base widths.", Narrow,
                SdNetPresets.Cosine(new SdNetOptions { Kind = SdNetKind.SConv }, set.Data, 400),
                gpu: true, ("model.kind", "s_conv, d_conv, three_fc"), ("model.alpha", "1, 2, 4, 8, 16, 32"));
            yield return Study($"figure-2-neyshabur-resnet18-{set.Key}",
                $"Figures 2 and 6: test accuracy by parameters, ResNet18, {set.Title}", "figures 2 and 6", "ResNet18 at six widths.",
                Residual, SdNetPresets.Cosine(new ResNet18Options(), set.Data, 400), gpu: true, ("model.width", "2, 4, 8, 16, 32, 64"));
        }
    }

    private static IEnumerable<Preset> Kernels()
    {
        var spec = SdNetPresets.Cosine(new ResNet18Options(), SdNetPresets.Sets[0].Data, 400);
        foreach (var (key, title, optimizer) in new (string, string, OptimizerOptions)[]
            { ("sgd", "SGD", spec.Optimizer), ("beta-lasso", "β-LASSO", new BetaLassoOptions { Beta = 50, LambdaRest = 1e-5 }) })
            yield return Study($"figure-5-neyshabur-{key}", $"Figure 5: ResNet18 by the side of its kernels, {title}", "figure 5",
                "Kernels of 3, 7, 11 and 15: what is lost by larger ones.", Residual, spec with { Optimizer = optimizer },
                gpu: true, ("model.kernel", "3, 7, 11, 15"));
    }

    private static readonly PresetNotes Counted = new(
        "A side of 32 by α, and α = 1 by the side: which ones the figure has is not known.",
        "A few sizes each, without the line of a device's memory.");

    private static readonly PresetNotes Narrow = SdNetPresets.Paper with
    {
        Resolved = "α from 1 to 32: the figure's own widths are not given. No biases, BatchNorm without scale and shift, padding 4 and 1, "
            + "PyTorch's start, cross-entropy, no momentum and no decay: the paper names none or tunes them.",
        Differs = "The paper augments by Fast AutoAugment's released policies, which are not here: flip and crop alone. Its SVHN trains "
            + "on the extra images too.",
    };

    private static readonly PresetNotes Residual = SdNetPresets.Paper with
    {
        Resolved = "Every convolution but the shortcuts' has the kernel's side, the first one too. BatchNorm with scale and shift, "
            + "PyTorch's start, λ 2e-5 for the first and 1e-5 for the other weights: the paper names none.",
        Differs = "The paper augments by Fast AutoAugment's released policies, which are not here: flip and crop alone. Its SVHN trains "
            + "on the extra images too. The widths, and CIFAR-10 for figure 5, are our choice.",
    };

    private static Preset Study(
        string name, string title, string figure, string summary, PresetNotes notes, Spec spec, bool gpu,
        params (string Path, string Values)[] varied)
        => new(name, title, SdNetPresets.Tables, $"Neyshabur 2020, {figure}, no number", summary, notes, spec, gpu)
        {
            Study = new(varied.ToDictionary(pair => pair.Path, pair => pair.Values), "0-2"),
        };
}
