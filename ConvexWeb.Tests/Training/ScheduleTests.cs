using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Tests.Training;

public sealed class ScheduleTests
{
    private static double At(ScheduleOptions schedule, long step) => LearningRate.Factor(schedule, step, stepsPerEpoch: 10, epochs: 20);

    [Fact]
    public void Constant_stays() => Assert.Equal(1, At(new ConstantScheduleOptions(), 199));

    [Fact]
    public void Steps_fall_at_the_start_of_the_epoch_after_a_milestone()
    {
        var schedule = new MultiStepScheduleOptions { Milestones = [5, 10], Gamma = 0.1 };
        Assert.Equal(1, At(schedule, 49));
        Assert.Equal(0.1, At(schedule, 50), 12);
        Assert.Equal(0.01, At(schedule, 100), 12);
    }

    [Fact]
    public void Exponential_falls_every_epoch() => Assert.Equal(Math.Pow(0.95, 3), At(new ExponentialScheduleOptions(), 39), 12);

    [Fact]
    public void Cosine_warms_up_starts_at_one_is_half_in_the_middle_and_ends_at_its_floor()
    {
        Assert.Equal(1, At(new CosineScheduleOptions(), 0), 12);
        Assert.Equal(0.5, At(new CosineScheduleOptions(), 100), 12);
        Assert.InRange(At(new CosineScheduleOptions { FinalFactor = 0.1 }, 199), 0.1, 0.101);
        Assert.Equal(0.05, At(new CosineScheduleOptions { WarmupEpochs = 2 }, 0), 12);
        Assert.Equal(1, At(new CosineScheduleOptions { WarmupEpochs = 2 }, 20), 12);
        Assert.Equal(0.2 + 0.8 / 20, At(new CosineScheduleOptions { WarmupEpochs = 2, WarmupFactor = 0.2 }, 0), 12);
        Assert.Equal(1, At(new CosineScheduleOptions { WarmupEpochs = 2, WarmupFactor = 0.2 }, 19), 12);
    }

    // PyTorch's CosineAnnealingLR(T_max = epochs), stepped behind each epoch.
    [Fact]
    public void Cosine_by_the_epoch_holds_the_factor_of_the_epochs_start()
    {
        var schedule = new CosineScheduleOptions { PerEpoch = true };
        foreach (var step in new[] { 0, 9, 10, 77, 199 })
            Assert.Equal(0.5 * (1 + Math.Cos(Math.PI * (step / 10) / 20)), At(schedule, step), 12);
        Assert.NotEqual(At(new CosineScheduleOptions(), 77), At(schedule, 77));
    }
}
