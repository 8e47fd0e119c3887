using ConvexWeb.Training.Annealing;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Options;
using ConvexWeb.Training.Pixels;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs;

/// <summary>The rules that span several fields. Each yields one sentence at the field that is easiest to change.</summary>
internal static class SpecRules
{
    // One float32 tensor of this size still fits into 2 GiB, the most that a checkpoint writes at once.
    private const long MaxParameters = 500_000_000;

    // They are part of the run's summary, 66 KB each at 16 filters of a CIFAR image.
    private const int MostSnapshots = 8;

    /// <param name="isStored">Of a checkpoint: what is only wrong to train does not count.</param>
    public static IEnumerable<SpecProblem> Check(Spec spec, bool isStored = false)
    {
        var info = DatasetInfo.Of(spec.Data);
        if (spec.Data.TrainLimit > info.TrainImages)
            yield return new("data.train_limit",
                $"data.train_limit must be at most {info.TrainImages}, the number of training images of {spec.Data.Name}; "
                + $"got {spec.Data.TrainLimit}.");
        if (spec.Data.TestLimit > info.TestImages)
            yield return new("data.test_limit",
                $"data.test_limit must be at most {info.TestImages}, the number of test images of {spec.Data.Name}; "
                + $"got {spec.Data.TestLimit}.");

        if (spec.Data is ImageFolderOptions { Folder: var folder } && !ImageFolderOptions.IsPlainName(folder))
            yield return new("data.folder",
                "data.folder must be the plain name of a folder in the data directory, of letters, digits, '_', '.' and '-'.");

        var size = SplitSize.Of(spec.Data);
        if (size.Train < 2)
            yield return new("data.validation",
                "data.validation leaves fewer than 2 images to train on; lower it or raise data.train_limit.");
        else if (spec.Training.BatchSize > size.Train)
            yield return new("training.batch_size",
                $"training.batch_size must be at most the {size.Train} images that are trained on; got {spec.Training.BatchSize}.");
        else if (spec.Training.Sampler is SamplerKind.RaSingleProcess or SamplerKind.RaReshuffled
            && Sampling.ImagesPerEpoch(spec.Training.Sampler, size.Train) < spec.Training.BatchSize)
            yield return new("training.sampler",
                $"training.sampler {ChoiceWord.Of(spec.Training.Sampler)} cuts an epoch at a multiple of {Sampling.Block} images, and the "
                + $"{size.Train} that are trained on leave less than a batch: set it to full.");

        if (spec.Training.Patience is not null && size.Validation == 0 && spec.Training.PatienceOn != StoppingSignal.TestLoss)
            yield return new("training.patience",
                "training.patience needs validation images: set data.validation above 0, or patience to null.");
        if (spec.Training.FilterEpochs is { } kept && (kept.Count > MostSnapshots || kept.Any(epoch => epoch > spec.Training.Epochs)))
            yield return new("training.filter_epochs",
                $"training.filter_epochs must be at most {MostSnapshots} epochs up to training.epochs, {spec.Training.Epochs}.");
        if (spec.Training is { Loss: TrainingLoss.BinaryCrossEntropy, LabelSmoothing: > 0 })
            yield return new("training.label_smoothing", "training.label_smoothing must be 0 with training.loss binary_cross_entropy.");
        // Checkpoints from before these rules can be looked at.
        if (!isStored && spec.Optimizer is BetaLassoOptions)
            foreach (var (field, value) in new[] { ("l1", spec.Regularization.L1), ("l2", spec.Regularization.L2) })
                if (value > 0)
                    yield return new($"regularization.{field}",
                        $"regularization.{field} must be 0 with optimizer.name beta_lasso, which has an l1 of its own.");
        // Both would act on what is stored, whose 0 is a weight of log 2.
        if (!isStored && spec.Convexity is SoftplusReparamOptions)
        {
            if (spec.Optimizer is BetaLassoOptions)
                yield return new("optimizer.name",
                    "optimizer.name must not be beta_lasso with convexity.name softplus_reparam, whose weights are never 0.");
            if (spec.Optimizer is SgdOptions { WeightDecay: > 0 } or AdamOptions { WeightDecay: > 0 } or AdamWOptions { WeightDecay: > 0 })
                yield return new("optimizer.weight_decay",
                    "optimizer.weight_decay must be 0 with convexity.name softplus_reparam: it would draw the stored numbers to 0, which "
                    + "is a weight of 0.69; regularization.l2 is of the weights themselves.");
        }
        foreach (var problem in Annealed(spec, size, isStored)) yield return problem;
        if (spec.Optimizer is SgdOptions { Nesterov: true, Momentum: 0 })
            yield return new("optimizer.nesterov", "optimizer.nesterov needs optimizer.momentum above 0.");

        // Each stage of a model that trains in stages runs through the schedule.
        var epochs = spec.Model.StageEpochs(spec.Training.Epochs);
        var staged = spec.Model.TrainingStages > 1;
        var last = staged ? "the last epoch of each stage" : "the last epoch";
        switch (spec.Schedule)
        {
            case MultiStepScheduleOptions steps when steps.Milestones.Zip(steps.Milestones.Skip(1)).Any(pair => pair.First >= pair.Second):
                yield return new("schedule.milestones", "schedule.milestones must increase from each epoch to the next.");
                break;
            case MultiStepScheduleOptions steps when steps.Milestones[^1] >= epochs:
                yield return new("schedule.milestones",
                    $"schedule.milestones must all come before {last}, {epochs}; got {steps.Milestones[^1]}.");
                break;
            case CosineScheduleOptions { WarmupEpochs: var warmup } when warmup >= epochs:
                yield return WarmUp(warmup);
                break;
            case TimmCosineScheduleOptions { WarmupEpochs: var warmup } when warmup >= epochs:
                yield return WarmUp(warmup);
                break;
        }

        SpecProblem WarmUp(int warmup) => new("schedule.warmup_epochs",
            $"schedule.warmup_epochs must be less than {(staged ? "the epochs of a stage" : "training.epochs")}, {epochs}; got {warmup}.");

        foreach (var problem in Cropped(spec)) yield return problem;
        foreach (var problem in Corrupted(spec, isStored)) yield return problem;
        foreach (var problem in Whitened(spec, size)) yield return problem;
        // The first version allowed both, and its checkpoints can be evaluated.
        if (!isStored && spec.Augmentation is { RandAugment: > 0, ColourJitter: > 0 })
            yield return new("augmentation.colour_jitter",
                "augmentation.colour_jitter must be 0 where augmentation.rand_augment is on: timm takes one or the other.");
        foreach (var problem in Augmentation(spec)) yield return problem;
        foreach (var problem in EnsembleRules.Check(spec)) yield return problem;
        foreach (var problem in Size(spec)) yield return problem;
    }

    private static IEnumerable<SpecProblem> Whitened(Spec spec, SplitSize size)
    {
        var values = DatasetInfo.Cropped(spec.Data).Dimensions;
        if (spec.Data.Preprocessing == PreprocessingKind.Imagenet && DatasetInfo.Stored(spec.Data).Channels != 3)
            yield return new("data.preprocessing",
                "data.preprocessing imagenet is for images of three colours, "
                + $"which those of {spec.Data.Name} are not: set it to standardize.");
        if (spec.Data.PreprocessingWhen(spec.Convexity is not NoConvexityOptions) != PreprocessingKind.Zca) yield break;
        if (spec.Data.IsStreamed)
            yield return new("data.preprocessing",
                "data.preprocessing zca (auto means it with a convexity constraint) needs all images in memory, and these are read from "
                + "disk batch by batch: set it to standardize, or data.stream to false.");
        else if (!Whitening.IsPossible(size.Train, values))
            yield return new(
                "data.preprocessing",
                $"data.preprocessing zca (auto means it with a convexity constraint) is too much for {size.Train} images "
                + $"of {values} values: set it to standardize, or lower data.train_limit or the images' size.");
    }

    private static IEnumerable<SpecProblem> Annealed(Spec spec, SplitSize size, bool isStored)
    {
        var isAnnealed = spec.Model is AnnealCnnOptions { Theta: AnnealAngle.Given };
        if (!isAnnealed && spec.Annealing is not ConstantAnnealingOptions { Theta: 0 })
            yield return new("annealing.name",
                spec.Model is AnnealCnnOptions
                    ? "annealing.name must be constant with theta 0 where model.theta is trained: set model.theta to given for a schedule."
                    : $"annealing.name must be constant with theta 0 for {spec.Model.Name}: only anneal_cnn has annealed activations.");
        if (spec.Annealing is FallingAnnealingOptions { AnnealEpochs: { } fall } && fall > spec.Training.Epochs)
            yield return new("annealing.anneal_epochs",
                $"annealing.anneal_epochs must be at most training.epochs, {spec.Training.Epochs}; got {fall}.");
        if (spec.Annealing is StagedAnnealingOptions && size.Validation == 0)
            yield return new("data.validation", "annealing.name staged follows the validation loss: set data.validation above 0.");
        if (isStored || spec.Annealing is not StagedAnnealingOptions staged) yield break;
        // Stages change behind an evaluation.
        var every = spec.Training.EvaluateEvery;
        var stage = (staged.Longest(spec.Training.Epochs) + every - 1) / every * every;
        var stages = staged.Steps(spec.Training.Epochs);
        if ((long)stages * stage >= spec.Training.Epochs)
            yield return new("annealing.stages",
                $"annealing.stages {stages} of up to {stage} epochs each leave none of the {spec.Training.Epochs} epochs "
                + "with θ = 0: lower annealing.stages or stage_epochs, or raise training.epochs.");
        else if (stage / every < staged.Patience + 2)
            yield return new("annealing.stages",
                $"A stage of at most {stage} epochs ends before annealing.patience {staged.Patience} can end it, whatever the validation "
                + "loss does: lower annealing.stages or patience, or raise training.epochs.");
    }

    private static IEnumerable<SpecProblem> Cropped(Spec spec)
    {
        var stored = DatasetInfo.Stored(spec.Data);
        var side = Math.Min(stored.Height, stored.Width);
        if (spec.Data.Crop is not { } crop)
        {
            if (spec.Augmentation.RandomCrop)
                yield return new("augmentation.random_crop", "augmentation.random_crop needs data.crop, the side of what it cuts out.");
            yield break;
        }
        if (crop > side)
            yield return new("data.crop", $"data.crop must be at most the images' side, {side}; got {crop}.");
        if (spec.Data.IsStreamed)
            yield return new("data.crop", "data.crop needs images in memory: set data.stream to false, or use data.resize.");
        if (spec.Data.EvaluationResize is not null)
            yield return new("data.crop", "data.crop must be empty with data.evaluation_resize, which cuts the middle out itself.");
        if (spec.Augmentation.ResizedCrop is not null)
            yield return new("data.crop", "data.crop must be empty with augmentation.resized_crop: one crop is enough.");
        if (!spec.Augmentation.RandomCrop) yield break;
        if (spec.Augmentation.PadCrop > 0)
            yield return new("augmentation.pad_crop", "augmentation.pad_crop must be 0 with augmentation.random_crop: one crop is enough.");
        if (spec.Pixels is not TruePixelOptions)
            yield return new("augmentation.random_crop",
                "augmentation.random_crop must be false where pixels are corrupted: the crop comes first, and the corruption is fixed.");
        if (spec.Data.PreprocessingWhen(spec.Convexity is not NoConvexityOptions) == PreprocessingKind.Zca)
            yield return new("augmentation.random_crop",
                "augmentation.random_crop needs images that are not whitened as a whole: set it to false, or data.preprocessing to "
                + "per_image or standardize (auto means zca with a convexity constraint).");
    }

    private static IEnumerable<SpecProblem> Corrupted(Spec spec, bool isStored)
    {
        if (!isStored && spec.Labels is Seed001LabelOptions && DatasetInfo.Of(spec.Data).Classes < Seed001LabelOptions.Drawn)
            yield return new("labels.name",
                $"labels.name {spec.Labels.Name} draws one of {Seed001LabelOptions.Drawn} classes, as its source does, and "
                + $"{spec.Data.Name} has {DatasetInfo.Of(spec.Data).Classes} here: use partial.");
        if (spec.Pixels is TruePixelOptions) yield break;
        if (spec.Data.IsStreamed)
            yield return new("pixels.name",
                "pixels.name must be true where images are read from disk batch by batch: set data.stream to false.");
        if (spec.Pixels.MakesFloats && (spec.Augmentation.Recolours || spec.Augmentation.ResizedCrop is not null))
            yield return new("pixels.name",
                $"pixels.name {spec.Pixels.Name} makes images that leave the scale from 0 to 1, which augmentation.rand_augment, "
                + "colour_jitter and resized_crop need: turn those off.");
        if (spec.Pixels.MakesFloats && spec.Data.EvaluationResize is not null)
            yield return new("data.evaluation_resize", $"data.evaluation_resize must be empty with pixels.name {spec.Pixels.Name}.");
    }

    private static IEnumerable<SpecProblem> Augmentation(Spec spec)
    {
        var augmentation = spec.Augmentation;
        var stored = DatasetInfo.Cropped(spec.Data);
        var side = Math.Min(stored.Height, stored.Width);
        if (augmentation.PadCrop >= side)
            yield return new("augmentation.pad_crop",
                $"augmentation.pad_crop must be less than the images' side, {side}, or a cut could be all padding; "
                + $"got {augmentation.PadCrop}.");
        if (augmentation.ResizedCrop is not null)
        {
            if (spec.Data.Resize is null)
                yield return new("augmentation.resized_crop",
                    "augmentation.resized_crop needs data.resize, the side that its boxes are brought to.");
            if (augmentation.PadCrop > 0)
                yield return new("augmentation.pad_crop",
                    "augmentation.pad_crop must be 0 with augmentation.resized_crop: one crop is enough.");
        }
        if (spec.Data.EvaluationResize is { } whole && (spec.Data.Resize is not { } cut || whole < cut))
            yield return new("data.evaluation_resize",
                $"data.evaluation_resize must be at least data.resize, which is cut out of its middle; got {whole}.");
        if (augmentation.IsOn && !augmentation.AllowWithCorruption
            && (spec.Labels is not TrueLabelOptions || spec.Pixels is not TruePixelOptions))
            yield return new("augmentation.allow_with_corruption",
                "Augmentation is off where labels or pixels are corrupted: "
                + "turn it off, or set augmentation.allow_with_corruption to true for an ablation.");
        if (spec.Data.Preprocessing == PreprocessingKind.PerImage && augmentation.RandAugment > 0)
            yield return new("augmentation.rand_augment",
                "augmentation.rand_augment needs one mean for all images: set it to 0, or data.preprocessing to standardize.");
        if (spec.Data.PreprocessingWhen(spec.Convexity is not NoConvexityOptions) != PreprocessingKind.Zca) yield break;
        (string, bool)[] recolouring =
        [
            ("rand_augment", augmentation.RandAugment > 0),
            ("colour_jitter", augmentation.ColourJitter > 0),
            ("random_erasing", augmentation.RandomErasing > 0),
            ("resized_crop", augmentation.ResizedCrop is not null),
        ];
        if (spec.Data.EvaluationResize is not null)
            yield return new("data.evaluation_resize",
                "data.evaluation_resize needs images that are not whitened: set it to null, or data.preprocessing to standardize.");
        foreach (var (name, on) in recolouring)
        {
            if (on)
                yield return new($"augmentation.{name}",
                    $"augmentation.{name} needs images that are not whitened: "
                    + $"set it to {(name == "resized_crop" ? "null" : "0")}, or data.preprocessing to standardize "
                    + "(auto means zca with a convexity constraint).");
        }
    }

    private static IEnumerable<SpecProblem> Size(Spec spec)
    {
        Models.Graph.Plan plan;
        string? impossible = null;
        try
        {
            plan = ModelFactory.PlanOf(spec);
        }
        catch (Models.Graph.ImpossiblePlanException e)
        {
            impossible = e.Message;
            plan = null!;
        }
        if (impossible is not null)
        {
            yield return new("model.name", $"model.name {spec.Model.Name} does not fit these images: {impossible}.");
            yield break;
        }
        var parameters = plan.Steps.SelectMany(s => s.Tensors).Sum(t => t.Count);
        if (parameters > MaxParameters)
            yield return new($"model.{spec.Model.SizeParameter}",
                $"This model would have {parameters:N0} parameters; "
                + $"at most {MaxParameters:N0} are allowed: lower model.{spec.Model.SizeParameter}.");
    }
}
