using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs;

/// <summary>What the training of an ensemble asks of the rest of the spec.</summary>
internal static class EnsembleRules
{
    public static IEnumerable<SpecProblem> Check(Spec spec)
    {
        if (spec.Model is not (EnsembleEmOptions or EnsembleBoostOptions)) yield break;
        if (spec.Training.LabelSmoothing > 0)
            yield return new("training.label_smoothing",
                $"training.label_smoothing must be 0 for {spec.Model.Name} with its own objective; got {spec.Training.LabelSmoothing}.");
        if (spec.Training.Loss != TrainingLoss.CrossEntropy)
            yield return new("training.loss", $"training.loss must be cross_entropy for {spec.Model.Name}, whose objective is its own.");
        if (spec.Regularization.IsOn)
            yield return new("regularization.l2",
                $"regularization.l1 and l2 must be 0 for {spec.Model.Name}, whose parts train in turn; weight_decay is the optimizer's.");
        if (spec.Training.RestoreBest)
            yield return new("training.restore_best",
                $"training.restore_best must be false for {spec.Model.Name}, which trains in stages.");
        if (spec.Augmentation.Mixes)
            yield return new("augmentation.mixup",
                $"augmentation.mixup and augmentation.cutmix must be 0 for {spec.Model.Name}, "
                + "whose objective needs one label for each image.");
        if (spec.Model is EnsembleEmOptions && spec.Data.IsStreamed)
            yield return new("data.stream",
                "data.stream must be false for ensemble_em, whose summary shows the mean image of each expert.");
        foreach (var problem in spec.Model is EnsembleBoostOptions boost ? Boost(spec, boost) : Em(spec, (EnsembleEmOptions)spec.Model))
            yield return problem;
    }

    private static IEnumerable<SpecProblem> Em(Spec spec, EnsembleEmOptions em)
    {
        if (DatasetInfo.Of(spec.Data).Classes is not 2 and var classes)
        {
            yield return spec.Data switch
            {
                Cifar10Options => new("data.task",
                    "data.task must be animal for ensemble_em, whose experts tell two classes apart; got classes."),
                GlyphsOptions => new("data.task",
                    "data.task must be five_and_up for ensemble_em, whose experts tell two classes apart; got classes."),
                _ => new("data.name",
                    "data.name must be a data set of two classes for ensemble_em, "
                    + $"such as cifar10 with data.task animal; {spec.Data.Name} has {classes}."),
            };
        }
        if (em.Experts > 1 && spec.Training.Epochs < 2)
            yield return new("training.epochs",
                "training.epochs must be at least 2 for ensemble_em: experts and gate train in turn, an epoch each; got 1.");
    }

    private static IEnumerable<SpecProblem> Boost(Spec spec, EnsembleBoostOptions boost)
    {
        if (spec.Training.Epochs % boost.TrainingStages != 0)
            yield return new("training.epochs",
                $"training.epochs must be a multiple of {boost.TrainingStages} for {boost.Experts} experts "
                + $"and a gate that share them evenly; got {spec.Training.Epochs}.");
        if (spec.Training.Patience is not null)
            yield return new("training.patience",
                "training.patience must be null for ensemble_boost: to stop early would leave its gate untrained.");
        if (spec.Training.StopWhenFitted)
            yield return new("training.stop_when_fitted",
                "training.stop_when_fitted must be false for ensemble_boost: to stop early would leave its gate untrained.");
        if (spec.Training.StopBelowLoss is not null)
            yield return new("training.stop_below_loss",
                "training.stop_below_loss must be null for ensemble_boost: to stop early would leave its gate untrained.");
        if (spec.Schedule is PlateauScheduleOptions)
            yield return new("schedule.name",
                "schedule.name must not be plateau for ensemble_boost: the loss of the whole does not follow the expert that trains.");
    }
}
