namespace ConvexWeb.Training.Schedules;

/// <summary>The state of the schedule <c>plateau</c>: it follows the training loss, so it is no function of the step.</summary>
/// <param name="Bad">Evaluations since the lowest loss.</param>
public sealed record Plateau(double Factor = 1, double? Lowest = null, int Bad = 0)
{
    // PyTorch's default: a loss counts as lower if it is by a ten-thousandth.
    private const double Threshold = 1e-4;

    public Plateau After(double loss, PlateauScheduleOptions options)
    {
        if (Lowest is not { } lowest || loss < lowest * (1 - Threshold)) return this with { Lowest = loss, Bad = 0 };
        return Bad + 1 <= options.Patience
            ? this with { Bad = Bad + 1 }
            : this with { Factor = Math.Max(options.MinFactor, Factor * options.Gamma), Bad = 0 };
    }
}
