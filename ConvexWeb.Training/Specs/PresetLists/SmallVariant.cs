using ConvexWeb.Training.Annealing;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs.PresetLists;

/// <summary>
/// The small variant of a preset: the same system, constraint, labels and kind of recipe with fewer images, fewer epochs and, where one
/// step would take too long, a smaller network. Minutes on two cores; not the source's setting, and it says so.
/// </summary>
internal static class SmallVariant
{
    private const int Images = 5000;
    private const int TestImages = 2000;

    public static Preset Of(Preset preset) => new(
        preset.Name + "-small", preset.Title + ", small", preset.Group + ": small variants", "not the source's setting",
        $"As {preset.Name}, cut down to minutes on two cores. Not comparable with the published number.",
        Notes(preset.Notes, preset.Spec.Data is ImageNetOptions),
        Shrink(preset.Spec, preset.Spec.Training.MinDelta > 0 || preset.Name.Contains("-early", StringComparison.Ordinal)))
    {
        Study = preset.Study,
    };

    internal static PresetNotes Notes(PresetNotes whole, bool isStandIn = false) => whole with
    {
        Differs = "Fewer images and epochs, no early stop but where that is the subject, and where a step would take too long a smaller "
            + "network: not the source's setting. "
            + (isStandIn ? "CIFAR-10 in place of ImageNet. " : "")
            + "What is said of images, epochs, rounds, sizes, steps of the rate and held-out images is said of the whole preset. "
            + whole.Differs,
    };

    /// <param name="stopsEarly">Whether its early stop is what the preset is about.</param>
    private static Spec Shrink(Spec spec, bool stopsEarly)
    {
        var (model, data) = (Network(spec.Model), Data(spec.Data, spec.Model));
        var heavy = model is AllConvOptions or DenseNetOptions or CycleMlpOptions or EfficientNetOptions or WideResNetOptions
            or ResNet18Options or SmallAlexNetOptions or SmallInceptionOptions;
        var epochs = Math.Min(spec.Training.Epochs, heavy ? 5 : 15);
        return spec with
        {
            Model = model,
            Data = data,
            Augmentation = data.Resize is null && spec.Augmentation.ResizedCrop is not null
                ? spec.Augmentation with { ResizedCrop = null, PadCrop = 4 }
                : spec.Augmentation,
            Schedule = Schedule(spec.Schedule, spec.Training.Epochs, epochs),
            Annealing = spec.Annealing is FallingAnnealingOptions { AnnealEpochs: { } fall } annealing
                ? annealing with { AnnealEpochs = Math.Max(1, fall * epochs / spec.Training.Epochs) } : spec.Annealing,
            Training = spec.Training with
            {
                Epochs = epochs,
                BatchSize = Math.Min(spec.Training.BatchSize, 128),
                Patience = stopsEarly && spec.Training.Patience is { } patience ? Math.Min(patience, 5) : null,
                EvaluateEvery = 1,
                FilterEpochs = spec.Training.FilterEpochs is null ? null : [0, epochs],
                // The source's average would hardly move in so few steps.
                EmaDecay = spec.Training.EmaDecay is null ? null : 0.99,
            },
        };
    }

    private static ModelOptions Network(ModelOptions model) => model switch
    {
        AllConvOptions m => m with { WidthPercent = 25 },
        DenseNetOptions m => m with { Variant = DenseNetVariant.Bc40_12 },
        CycleMlpOptions m => m with { Size = CycleMlpSize.Tiny },
        ConvexHeadOptions m => m with { Channels = 16 },
        WideResNetOptions m => m with { Depth = 10 },
        ResNet18Options m => m with { Width = 8 },
        SdNetOptions m => m with { Alpha = 1 },
        _ => model,
    };

    private static DataOptions Data(DataOptions data, ModelOptions model)
    {
        var all = DatasetInfo.Of(data);
        var small = data with
        {
            TrainLimit = all.TrainImages > Images ? Math.Min(data.TrainLimit ?? Images, Images) : data.TrainLimit,
            TestLimit = all.TestImages > TestImages ? Math.Min(data.TestLimit ?? TestImages, TestImages) : data.TestLimit,
        };
        // ImageNet is a folder of one's own; CIFAR-10 stands in for it.
        if (small is ImageNetOptions)
            small = new Cifar10Options
            {
                TrainLimit = Images,
                TestLimit = TestImages,
                Preprocessing = small.Preprocessing,
                Interpolation = small.Interpolation,
            };
        return model switch
        {
            CycleMlpOptions => small with { Resize = 64, EvaluationResize = 73 },
            EfficientNetOptions or DenseNetOptions => small with { Resize = null, EvaluationResize = null },
            _ => small,
        };
    }

    // Steps keep their places as shares of the run.
    private static ScheduleOptions Schedule(ScheduleOptions schedule, int before, int after) => schedule switch
    {
        MultiStepScheduleOptions steps when Milestones(steps, before, after) is { Count: > 0 } kept => steps with { Milestones = kept },
        MultiStepScheduleOptions => new ConstantScheduleOptions(),
        TimmCosineScheduleOptions timm => timm with { WarmupEpochs = Math.Min(timm.WarmupEpochs, 1) },
        CosineScheduleOptions cosine => cosine with { WarmupEpochs = Math.Min(cosine.WarmupEpochs, 1) },
        PlateauScheduleOptions plateau => plateau with { Patience = 2 },
        _ => schedule,
    };

    private static List<int> Milestones(MultiStepScheduleOptions steps, int before, int after)
        => [.. steps.Milestones.Select(m => (int)((long)m * after / before)).Where(m => m > 0 && m < after).Distinct()];
}
