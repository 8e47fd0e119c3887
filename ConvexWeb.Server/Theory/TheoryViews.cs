using ConvexWeb.Client.Contracts;
using Computed = ConvexWeb.Training.Theory;

namespace ConvexWeb.Server.Theory;

/// <summary>What was computed, as the contract of the pages has it.</summary>
internal static class TheoryViews
{
    public static TheoremOneView Of(Computed.TheoremOneReport report) => new()
    {
        Says = report.Says,
        Points = report.Points,
        Dims = report.Dimensions,
        Classes = report.Classes,
        Seed = (int)report.Seed,
        StoredNumbers = report.StoredNumbers,
        TheoremNumbers = report.TheoremNumbers,
        ProjectionMean = report.ProjectionMean,
        ProjectionDeviation = report.ProjectionDeviation,
        SmallestGap = report.SmallestGap,
        SmallestEigenvalue = report.SmallestEigenvalue,
        LargestWeight = report.LargestWeight,
        ZeroWeights = report.ZeroWeights,
        WeightHistogram = [.. report.WeightHistogram.Select(bin => new HistogramBin(bin.Low, bin.High, bin.Count))],
        Precisions = [.. report.Precisions.Select(row => new PrecisionView(
            row.Name, row.Accuracy, row.MaxError, row.NotFinite, row.Ties, row.Misplaced))],
        StoredMaxError = report.StoredMaxError,
        PermutedAccuracy = report.PermutedAccuracy,
        Fresh = new(report.Fresh.Count, report.Fresh.Accuracy, report.Fresh.Chance, report.Fresh.InRange),
        Outputs = Of(report.Outputs!),
        Curve = new(
            report.Curve.IsWhole, [.. report.Curve.Places.Select(place => new CurvePlace(place.Z, place.Value, place.Label))],
            [.. report.Curve.Ranges.Select(range => new CurveRange(range.Low, range.High, range.Least, range.Most))]),
        BuildMilliseconds = report.BuildMilliseconds,
        Milliseconds = report.Milliseconds,
    };

    public static LossConvexityView Of(Computed.LossConvexityReport report) => new(
        report.Claim, report.Says, report.Layers, report.Inputs, report.Width, report.Outputs, report.Samples, (int)report.Seed,
        [.. report.Cases.Select(Of)], report.Milliseconds);

    private static OutputsView Of(Computed.OutputsReport outputs)
        => new(outputs.StoredNumbers, outputs.Accuracy, outputs.MaxError, outputs.FreshAccuracy);

    private static HessianView Of(Computed.HessianReport at) => new(
        Of(at.Place), at.Says, at.Layers, at.Parameters, at.Loss, at.GradientNorm, at.SmallestEigenvalue, at.LargestEigenvalue,
        at.Residual, at.Steps, at.IsConverged, [.. at.Slice.Select(place => new LossPlace(place.At, place.Loss))], at.MidpointExcess);

    private static HessianPlace Of(Computed.HessianPlace place) => place switch
    {
        Computed.HessianPlace.ControlAtZero => HessianPlace.ControlAtZero,
        Computed.HessianPlace.AtZero => HessianPlace.AtZero,
        Computed.HessianPlace.AtRandom => HessianPlace.AtRandom,
        _ => throw new NotSupportedException(place.ToString()),
    };
}
