namespace ConvexWeb.Client.Contracts;

/// <summary>What the theory pages compute: nothing is trained and nothing is stored, and the same question has the same answer.</summary>
public interface ITheory
{
    /// <exception cref="InvalidInputException">A number is out of its range.</exception>
    Task<TheoremOneView> TheoremOneAsync(TheoremOneQuery query, CancellationToken cancel = default);

    /// <exception cref="InvalidInputException">A number is out of its range.</exception>
    Task<LossConvexityView> LossConvexityAsync(LossConvexityQuery query, CancellationToken cancel = default);
}

/// <summary>The sample for the construction of Theorem 1: gaussian points with random labels.</summary>
public sealed record TheoremOneQuery
{
    public const int MostPoints = 20_000;
    public const int MostDims = 10_000;

    /// <summary>Coordinates of all points together.</summary>
    public const int MostCoordinates = 40_000_000;
    public const int MostClasses = 100;

    public int Points { get; init; } = 1000;
    public int Dims { get; init; } = 100;
    public int Seed { get; init; }
    public int Classes { get; init; } = 10;
}

/// <summary>What the construction gives. Accuracies are percentages of points.</summary>
public sealed record TheoremOneView
{
    /// <summary>What this is and what it is not, in a sentence.</summary>
    public required string Says { get; init; }
    public required int Points { get; init; }
    public required int Dims { get; init; }
    public required int Classes { get; init; }
    public required int Seed { get; init; }

    /// <summary>Numbers that the network stores; the theorem says 2·points + dims.</summary>
    public required long StoredNumbers { get; init; }
    public required long TheoremNumbers { get; init; }

    /// <summary>Mean and deviation of the projections.</summary>
    public required double ProjectionMean { get; init; }
    public required double ProjectionDeviation { get; init; }

    /// <summary>The smallest distance of neighbouring projections.</summary>
    public required double SmallestGap { get; init; }

    /// <summary>The smallest eigenvalue of the triangular system (Lemma 1).</summary>
    public required double SmallestEigenvalue { get; init; }
    public required double LargestWeight { get; init; }

    /// <summary>Weights that are exactly 0, which the histogram cannot have.</summary>
    public required int ZeroWeights { get; init; }

    /// <summary>log₁₀|w|.</summary>
    public required IReadOnlyList<HistogramBin> WeightHistogram { get; init; }

    /// <summary>float64, float64 with stored numbers in float32, and float32 throughout.</summary>
    public required IReadOnlyList<PrecisionView> Precisions { get; init; }

    /// <summary>The largest error that is left when the sum is taken without rounding.</summary>
    public required double StoredMaxError { get; init; }

    /// <summary>The same points with permuted labels, built again.</summary>
    public required double PermutedAccuracy { get; init; }

    /// <summary>Points that the construction has not seen.</summary>
    public required FreshView Fresh { get; init; }

    /// <summary>The form with an output for each class.</summary>
    public required OutputsView Outputs { get; init; }
    public required CurveView Curve { get; init; }

    /// <summary>Milliseconds of projecting, sorting and solving, and of everything.</summary>
    public required double BuildMilliseconds { get; init; }
    public required double Milliseconds { get; init; }
}

/// <summary>Numbers in [Low, High).</summary>
public sealed record HistogramBin(double Low, double High, int Count);

/// <summary>The network in one arithmetic, at the points that it was built for.</summary>
/// <param name="MaxError">Largest distance from a label among finite outputs.</param>
/// <param name="NotFinite">Points whose output is no finite number.</param>
/// <param name="Ties">Neighbours with equal projections.</param>
/// <param name="Misplaced">Points that are not strictly between their knot and the next one.</param>
public sealed record PrecisionView(string Name, double Accuracy, double MaxError, int NotFinite, int Ties, int Misplaced);

/// <param name="Chance">Percent that guessing gets.</param>
/// <param name="InRange">Percent of outputs that can round to a label at all.</param>
public sealed record FreshView(int Count, double Accuracy, double Chance, double InRange);

/// <param name="MaxError">Largest distance of an output from 0 or 1.</param>
public sealed record OutputsView(long StoredNumbers, double Accuracy, double MaxError, double FreshAccuracy);

/// <summary>The network's function along the projection.</summary>
/// <param name="IsWhole">Whether the places are those of all points and knots; else they are those in the middle of the sample.</param>
/// <param name="Places">In order; between two of them the function is a straight line.</param>
/// <param name="Ranges">The whole sample in bins along the projection: least and largest value of each.</param>
public sealed record CurveView(bool IsWhole, IReadOnlyList<CurvePlace> Places, IReadOnlyList<CurveRange> Ranges);

/// <param name="Label">The label of a point; null for a knot.</param>
public sealed record CurvePlace(double Z, double Value, int? Label);

public sealed record CurveRange(double Low, double High, double Least, double Most);

/// <summary>A deep linear network, and the seed of its data set.</summary>
public sealed record LossConvexityQuery
{
    /// <summary>Weight matrices.</summary>
    public int Layers { get; init; } = 2;

    /// <summary>Units of each hidden layer.</summary>
    public int Width { get; init; } = 8;
    public int Inputs { get; init; } = 8;
    public int Seed { get; init; }
}

/// <summary>Whether the squared loss of a deep linear network is convex in its weights: the ends of the Hessian's spectrum.</summary>
/// <param name="Claim">What seed 003 says.</param>
/// <param name="Says">What is known.</param>
/// <param name="Samples">Points of the data set.</param>
/// <param name="Cases">One weight matrix as the control, and the network.</param>
public sealed record LossConvexityView(
    string Claim, string Says, int Layers, int Inputs, int Width, int Outputs, int Samples, int Seed, IReadOnlyList<HessianView> Cases,
    double Milliseconds);

/// <summary>Where the Hessian is looked at.</summary>
public enum HessianPlace
{
    /// <summary>Of a network of one weight matrix, where the loss is convex.</summary>
    ControlAtZero,
    AtZero,

    /// <summary>A small random place; for three or more matrices.</summary>
    AtRandom,
}

/// <param name="Says">The finding in a sentence.</param>
/// <param name="Residual">‖H·v − λ·v‖ of the smallest eigenvalue.</param>
/// <param name="Slice">The loss on the line along the smallest eigenvalue's vector.</param>
/// <param name="MidpointExcess">Where positive, the loss at the place is above the mean of two places of the line around it.</param>
public sealed record HessianView(
    HessianPlace Place, string Says, int Layers, int Parameters, double Loss, double GradientNorm, double SmallestEigenvalue,
    double LargestEigenvalue, double Residual, int Steps, bool IsConverged, IReadOnlyList<LossPlace> Slice, double MidpointExcess);

/// <param name="At">Distance along the unit vector.</param>
public sealed record LossPlace(double At, double Loss);
