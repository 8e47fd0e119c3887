namespace ConvexWeb.Training.Theory;

/// <summary>What the construction of Theorem 1 gives on a sample. Accuracies are percentages of points.</summary>
public sealed record TheoremOneReport
{
    /// <summary>What this is and what it is not, in a sentence.</summary>
    public string Says { get; } = "A construction, not a training: the weights are solved for, and they say nothing about other points.";

    /// <summary>Where the points come from: gaussian, or the name of a data set.</summary>
    public required string Source { get; init; }
    public required int Points { get; init; }
    public required int Dimensions { get; init; }
    public required int Classes { get; init; }
    public required ulong Seed { get; init; }

    /// <summary>Numbers in the network's arrays; the theorem says 2·points + dimensions.</summary>
    public required long StoredNumbers { get; init; }
    public required long TheoremNumbers { get; init; }

    /// <summary>Random directions that were drawn; more than 1 only after a coincidence of rounding.</summary>
    public required int Directions { get; init; }

    /// <summary>Mean and deviation of the projections.</summary>
    public required double ProjectionMean { get; init; }
    public required double ProjectionDeviation { get; init; }
    public required double SmallestGap { get; init; }

    /// <summary>min (z_i − b_i): the smallest eigenvalue of the triangular system (Lemma 1).</summary>
    public required double SmallestEigenvalue { get; init; }
    public required double LargestWeight { get; init; }
    public required int ZeroWeights { get; init; }

    /// <summary>log₁₀|w| of the weights that are not zero, in bins of half a decade.</summary>
    public required IReadOnlyList<HistogramBin> WeightHistogram { get; init; }

    /// <summary>float64, float64 with stored numbers in float32, and float32 throughout.</summary>
    public required IReadOnlyList<PrecisionReport> Precisions { get; init; }

    /// <summary>
    /// Largest error of the function that the stored float64 numbers define when its sum is taken without rounding: the part of
    /// the error that no order of summation removes.
    /// </summary>
    public required double StoredMaxError { get; init; }

    /// <summary>The same points with their labels permuted, and built again.</summary>
    public required double PermutedAccuracy { get; init; }
    public required FreshReport Fresh { get; init; }

    /// <summary>One output for each class; null where it was not asked for.</summary>
    public OutputsReport? Outputs { get; init; }

    /// <summary>Corollary 1; null for depth 2, which is Theorem 1.</summary>
    public LayeredReport? Layered { get; init; }
    public required CurveReport Curve { get; init; }

    /// <summary>Milliseconds of projecting, sorting and solving, and of everything.</summary>
    public required double BuildMilliseconds { get; init; }
    public required double Milliseconds { get; init; }
}

/// <summary>Numbers in [Low, High).</summary>
public sealed record HistogramBin(double Low, double High, int Count);

/// <summary>The network in one arithmetic, at the points that it was built for.</summary>
/// <param name="Accuracy">Percent of points whose output rounds to their label.</param>
/// <param name="MaxError">Largest distance from a label among finite outputs.</param>
/// <param name="NotFinite">Points whose output is no finite number.</param>
/// <param name="Ties">Neighbours with equal projections.</param>
/// <param name="Misplaced">Points that are not strictly between their knot and the next one.</param>
public sealed record PrecisionReport(string Name, double Accuracy, double MaxError, int NotFinite, int Ties, int Misplaced);

/// <summary>Points that the construction has not seen.</summary>
/// <param name="Source">Where they come from.</param>
/// <param name="Chance">Percent that guessing gets: 100 / K.</param>
/// <param name="InRange">Percent of outputs in [−0.5, K − 0.5]: only these round to a label.</param>
public sealed record FreshReport(string Source, int Count, double Accuracy, double Chance, double InRange);

/// <summary>The form with K outputs, which share a and b.</summary>
/// <param name="StoredNumbers">d + n + n·K.</param>
/// <param name="Accuracy">Percent of points whose largest output is that of their label.</param>
/// <param name="MaxError">Largest distance of an output from 0 or 1.</param>
public sealed record OutputsReport(long StoredNumbers, double Accuracy, double MaxError, double FreshAccuracy);

/// <summary>The same function by a deeper and narrower network.</summary>
/// <param name="Width">Units of its widest layer.</param>
/// <param name="Connections">Connections and biases.</param>
public sealed record LayeredReport(int Depth, int Width, long Connections, double Accuracy, double MaxError);

/// <summary>c along the projection.</summary>
/// <param name="IsWhole">Whether <paramref name="Places"/> has all points and knots; else it has those in the middle.</param>
/// <param name="Places">In order of z; between two of them the function is a straight line.</param>
/// <param name="Ranges">The whole sample in bins of equal width along z: least and largest value at the points and knots of each.</param>
public sealed record CurveReport(bool IsWhole, IReadOnlyList<CurvePlace> Places, IReadOnlyList<CurveRange> Ranges);

/// <param name="Label">The label of a point; null for a knot.</param>
public sealed record CurvePlace(double Z, double Value, int? Label);

/// <param name="Low">The bin is [Low, High).</param>
public sealed record CurveRange(double Low, double High, double Least, double Most);
