using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs;

/// <summary>The rules that span several fields. Each yields one sentence at the field that is easiest to change.</summary>
internal static class SpecRules
{
    // One float32 tensor of this size still fits into 2 GiB, the most that a checkpoint writes at once.
    private const long MaxParameters = 500_000_000;

    public static IEnumerable<SpecProblem> Check(Spec spec)
    {
        var info = DatasetInfo.Of(spec.Data);
        if (spec.Data.TrainLimit > info.TrainImages)
            yield return new("data.train_limit", $"data.train_limit must be at most {info.TrainImages}, the number of training images of {spec.Data.Name}; got {spec.Data.TrainLimit}.");
        if (spec.Data.TestLimit > info.TestImages)
            yield return new("data.test_limit", $"data.test_limit must be at most {info.TestImages}, the number of test images of {spec.Data.Name}; got {spec.Data.TestLimit}.");

        var size = SplitSize.Of(spec.Data);
        if (size.Train < 2)
            yield return new("data.validation", "data.validation leaves fewer than 2 images to train on; lower it or raise data.train_limit.");
        else if (spec.Training.BatchSize > size.Train)
            yield return new("training.batch_size", $"training.batch_size must be at most the {size.Train} images that are trained on; got {spec.Training.BatchSize}.");

        if (spec.Training.Patience is not null && size.Validation == 0)
            yield return new("training.patience", "training.patience needs validation images: set data.validation above 0, or patience to null.");
        if (spec.Optimizer is SgdOptions { Nesterov: true, Momentum: 0 })
            yield return new("optimizer.nesterov", "optimizer.nesterov needs optimizer.momentum above 0.");

        switch (spec.Schedule)
        {
            case MultiStepScheduleOptions steps when steps.Milestones.Zip(steps.Milestones.Skip(1)).Any(pair => pair.First >= pair.Second):
                yield return new("schedule.milestones", "schedule.milestones must increase from each epoch to the next.");
                break;
            case MultiStepScheduleOptions steps when steps.Milestones[^1] >= spec.Training.Epochs:
                yield return new("schedule.milestones", $"schedule.milestones must all come before the last epoch, {spec.Training.Epochs}; got {steps.Milestones[^1]}.");
                break;
            case CosineScheduleOptions cosine when cosine.WarmupEpochs >= spec.Training.Epochs:
                yield return new("schedule.warmup_epochs", $"schedule.warmup_epochs must be less than training.epochs, {spec.Training.Epochs}; got {cosine.WarmupEpochs}.");
                break;
        }

        var parameters = Description.Describe(spec).Sum(l => l.Parameters);
        if (parameters > MaxParameters)
            yield return new("model.width", $"This model would have {parameters:N0} parameters; at most {MaxParameters:N0} are allowed: lower model.width, model.depth or model.first_layer_mult.");
    }
}
