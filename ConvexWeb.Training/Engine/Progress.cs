namespace ConvexWeb.Training.Engine;

/// <summary>
/// Where a run is: all of it that is not a tensor.
/// Stored in the checkpoint, so that a resumed run goes on as if it had not stopped.
/// </summary>
public sealed record Progress
{
    /// <summary>Steps done.</summary>
    public long Step { get; init; }

    /// <summary>Epochs done.</summary>
    public int Epoch { get; init; }

    /// <summary>Steps done in the epoch under way.</summary>
    public long StepInEpoch { get; init; }

    /// <summary>Since the last point: sum of losses times images, images classified right, images, seconds of training.</summary>
    public double RunningLoss { get; init; }
    public double RunningObjective { get; init; }
    public long RunningCorrect { get; init; }
    public long RunningImages { get; init; }
    public double RunningSeconds { get; init; }

    /// <summary>The same sums of the epoch under way up to the last point, less what lay before the epoch.</summary>
    public RunningSums EpochSums { get; init; }

    /// <summary>Score of the best evaluation (higher is better), its epoch and its metrics.</summary>
    public double? BestScore { get; init; }
    public int BestEpoch { get; init; }
    public IReadOnlyDictionary<string, double> Best { get; init; } = new Dictionary<string, double>();

    /// <summary>
    /// Metrics of the evaluation with the highest test accuracy, and its epoch.
    /// To be told, as tables of peaks do; nothing is chosen by it.
    /// </summary>
    public IReadOnlyDictionary<string, double> Peak { get; init; } = new Dictionary<string, double>();
    public int PeakEpoch { get; init; }

    /// <summary>Metrics of the last evaluation.</summary>
    public IReadOnlyDictionary<string, double> Latest { get; init; } = new Dictionary<string, double>();

    /// <summary>Of each metric of the evaluations so far, what a plot of two such numbers needs.</summary>
    public IReadOnlyDictionary<string, Events.MetricSeries> Series { get; init; } = new Dictionary<string, Events.MetricSeries>();

    /// <summary>Filters of the first layer, of the epochs that the spec asks for.</summary>
    public IReadOnlyList<Events.FilterSnapshot> Filters { get; init; } = [];

    /// <summary>State of the schedule <c>plateau</c>.</summary>
    public Schedules.Plateau Plateau { get; init; } = new();

    /// <summary>State of the annealing <c>staged</c>.</summary>
    public Annealing.AnnealingStage Stage { get; init; } = new();

    /// <summary>First evaluated epoch, and its step, with 99 % of the training images classified as labelled.</summary>
    public int? NearlyFittedEpoch { get; init; }
    public long? NearlyFittedStep { get; init; }

    /// <summary>First evaluated epoch, and its step, with every training image classified as labelled.</summary>
    public int? FittedEpoch { get; init; }
    public long? FittedStep { get; init; }

    /// <summary>Evaluations since the best one.</summary>
    public int SinceBest { get; init; }

    public double TrainSeconds { get; init; }

    /// <summary>The last evaluation: its epoch, and the seconds of training up to it.</summary>
    public int EvaluatedEpoch { get; init; }
    public double EvaluatedSeconds { get; init; }

    /// <summary>Constrained weights that steps left below zero since the last evaluation, and the step of that evaluation.</summary>
    public long Negatives { get; init; }
    public long NegativesSince { get; init; }

    /// <summary>Steps of the parameters that have taken fewer than all, by name; null where there are none.</summary>
    public IReadOnlyDictionary<string, long>? FewerSteps { get; init; }
}
