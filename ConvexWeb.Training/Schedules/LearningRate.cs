namespace ConvexWeb.Training.Schedules;

/// <summary>Schedules as pure functions of the step.</summary>
public static class LearningRate
{
    /// <summary>The factor on the base learning rate at a step (0 for the first) of a run.</summary>
    /// <param name="plateau">What the evaluations so far have made of it; only <c>plateau</c> looks at it.</param>
    public static double Factor(ScheduleOptions schedule, long step, long stepsPerEpoch, int epochs, Plateau? plateau = null)
        => schedule switch
        {
            PlateauScheduleOptions => plateau?.Factor ?? 1,
            ConstantScheduleOptions => 1,
            CosineScheduleOptions cosine => Cosine(cosine, step, stepsPerEpoch, epochs),
            TimmCosineScheduleOptions timm => TimmCosine(timm, step / stepsPerEpoch, epochs),
            MultiStepScheduleOptions steps => Math.Pow(steps.Gamma, steps.Milestones.Count(m => step / stepsPerEpoch >= m)),
            LinearScheduleOptions => 1 - (double)(step / stepsPerEpoch) / epochs,
            InverseScheduleOptions => 1.0 / (step / stepsPerEpoch + 1),
            ExponentialScheduleOptions exponential => Math.Pow(exponential.Gamma, step / stepsPerEpoch),
            _ => throw new NotSupportedException(schedule.GetType().Name),
        };

    // timm sets the rate after an epoch, with that epoch's number: the first two run at the start of the warm-up, the last falls short of
    // the end. The cosine counts the epochs of the warm-up in.
    private static double TimmCosine(TimmCosineScheduleOptions options, long epoch, int epochs)
    {
        var t = Math.Max(0, epoch - 1);
        return t < options.WarmupEpochs
            ? options.WarmupFactor + (1 - options.WarmupFactor) * t / options.WarmupEpochs
            : options.FinalFactor + (1 - options.FinalFactor) * 0.5 * (1 + Math.Cos(Math.PI * t / epochs));
    }

    private static double Cosine(CosineScheduleOptions options, long step, long stepsPerEpoch, int epochs)
    {
        var warmup = options.WarmupEpochs * stepsPerEpoch;
        if (step < warmup) return options.WarmupFactor + (1 - options.WarmupFactor) * (step + 1.0) / warmup;
        if (options.PerEpoch) step = step / stepsPerEpoch * stepsPerEpoch;
        var progress = (double)(step - warmup) / Math.Max(1, epochs * stepsPerEpoch - warmup);
        return options.FinalFactor + (1 - options.FinalFactor) * 0.5 * (1 + Math.Cos(Math.PI * progress));
    }
}
