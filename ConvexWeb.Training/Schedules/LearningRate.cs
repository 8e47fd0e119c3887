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
            MultiStepScheduleOptions steps => Math.Pow(steps.Gamma, steps.Milestones.Count(m => step / stepsPerEpoch >= m)),
            ExponentialScheduleOptions exponential => Math.Pow(exponential.Gamma, step / stepsPerEpoch),
            _ => throw new NotSupportedException(schedule.GetType().Name),
        };

    private static double Cosine(CosineScheduleOptions options, long step, long stepsPerEpoch, int epochs)
    {
        var warmup = options.WarmupEpochs * stepsPerEpoch;
        if (step < warmup) return options.WarmupFactor + (1 - options.WarmupFactor) * (step + 1.0) / warmup;
        var progress = (double)(step - warmup) / Math.Max(1, epochs * stepsPerEpoch - warmup);
        return options.FinalFactor + (1 - options.FinalFactor) * 0.5 * (1 + Math.Cos(Math.PI * progress));
    }
}
