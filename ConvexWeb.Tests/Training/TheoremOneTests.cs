using System.Numerics;
using ConvexWeb.Training.Theory;

namespace ConvexWeb.Tests.Training;

/// <summary>The construction of Theorem 1 (science.md S9.9, T.5).</summary>
public sealed class TheoremOneTests
{
    private const int Classes = 10;

    private static LabelledPoints Sample(int n, int d = 8, ulong seed = 1) => LabelledPoints.Gaussian(n, d, Classes, seed);

    private static (SortedSample Sorted, TheoremOne Network) Build(LabelledPoints sample, ulong seed = 1)
    {
        var sorted = SortedSample.Of(sample.Points, seed);
        return (sorted, TheoremOne.Build(sorted, TheoremOneStudy.Targets(sample.Labels)));
    }

    private static TheoremOneReport Study(LabelledPoints sample, ulong seed = 1, bool outputs = false, int depth = 2)
        => TheoremOneStudy.Run(sample, seed, outputs, depth, TimeProvider.System);

    [Theory]
    [InlineData(100, 1)]
    [InlineData(1000, 784)]
    [InlineData(10_000, 3)]
    public void It_stores_exactly_2n_plus_d_numbers(int n, int d)
    {
        var (_, network) = Build(Sample(n, d));

        Assert.Equal(2L * n + d, network.StoredNumbers);
        Assert.Equal((d, n, n), (network.Direction.Count, network.Knots.Count, network.WeightsOf().Count));
    }

    [Theory]
    [InlineData(100, 0)]
    [InlineData(100, 1)]
    [InlineData(1000, 0)]
    [InlineData(1000, 1)]
    [InlineData(10_000, 0)]
    [InlineData(10_000, 1)]
    public void All_random_labels_are_fitted_and_again_after_a_permutation_and_fresh_points_are_below_chance(int n, ulong seed)
    {
        var report = Study(Sample(n, seed: seed), seed);

        Assert.Equal(100.0, report.Precisions[0].Accuracy);
        Assert.True(report.Precisions[0].MaxError < 1e-4, $"{report.Precisions[0].MaxError}");
        Assert.True(report.StoredMaxError < 1e-4, $"{report.StoredMaxError}");
        Assert.Equal(100.0, report.PermutedAccuracy);
        Assert.Equal((10_000, 10.0), (report.Fresh.Count, report.Fresh.Chance));
        Assert.InRange(report.Fresh.Accuracy, 0, 9);
        // Where an output is in range it is right as often as guessing.
        Assert.Equal(report.Fresh.InRange / Classes, report.Fresh.Accuracy, 1.5);
    }

    [Fact]
    public void Permuted_labels_are_other_labels_of_the_same_number()
    {
        var sample = Sample(1000);
        var permuted = sample.Permuted(1);

        Assert.Equal(sample.Labels.Order(), permuted.Order());
        Assert.True(sample.Labels.Zip(permuted).Count(pair => pair.First != pair.Second) > 800);
    }

    [Fact]
    public void Each_knot_lies_before_its_point_and_behind_the_one_before()
    {
        var (sorted, network) = Build(Sample(10_000));

        for (var i = 0; i < sorted.Z.Length; i++)
        {
            Assert.True(network.Knots[i] < sorted.Z[i]);
            Assert.True(i == 0 || sorted.Z[i - 1] < network.Knots[i]);
        }
        Assert.Equal(sorted.Z[0] - 1, network.Knots[0]);
        Assert.True(TheoremOne.HasRoom(sorted.Z));
        Assert.False(TheoremOne.HasRoom([1, 1 + double.Epsilon, 2]));
        Assert.False(TheoremOne.HasRoom([1, Math.BitIncrement(1), 2]));
    }

    [Fact]
    public void The_recursion_solves_the_triangular_system()
    {
        const int n = 12;
        var sample = Sample(n);
        var (sorted, network) = Build(sample);
        var (b, w) = (network.Knots, network.WeightsOf());

        for (var i = 0; i < n; i++)
        {
            var value = Enumerable.Range(0, n).Sum(j => w[j] * Math.Max(sorted.Z[i] - b[j], 0));
            Assert.Equal(sample.Labels[sorted.Order[i]], value, 1e-10);
        }
        var report = Study(sample);
        Assert.Equal(Enumerable.Range(0, n).Min(i => sorted.Z[i] - b[i]), report.SmallestEigenvalue);
        Assert.Equal(0.75 * report.SmallestGap, report.SmallestEigenvalue, 1e-9);
        Assert.Equal(w.Max(Math.Abs), report.LargestWeight);
    }

    [Fact]
    public void A_weight_that_is_not_the_solution_is_found_wrong()
    {
        var sample = Sample(1000);
        var (sorted, network) = Build(sample);
        var middle = network.Knots.Count / 2;

        var right = TheoremOneStudy.InDouble(sorted, network, sample.Labels);
        var wrong = TheoremOneStudy.InDouble(sorted, network.WithWeight(middle, network.WeightsOf()[middle] + 1), sample.Labels);

        Assert.Equal(100.0, right.Accuracy);
        Assert.InRange(wrong.Accuracy, 45, 60); // right up to the weight, and hardly anywhere behind it
    }

    [Fact]
    public void Its_pieces_give_the_sum_of_its_terms_everywhere()
    {
        var (sorted, network) = Build(Sample(1000));
        var line = network.Line();
        double[] places = [.. sorted.Z, .. network.Knots, .. sorted.Z.Select(z => z + 0.01), sorted.Z[0] - 5, sorted.Z[^1] + 5];

        Assert.All(places, z => Assert.Equal(network.Forward(z), line.At(z), 1e-6 * (1 + Math.Abs(line.At(z)))));
        Assert.Equal(0, line.At(network.Knots[0] - 1));
        Assert.All(Enumerable.Range(0, 1000), i => Assert.Equal(line.AtKnot(i), line.At(network.Knots[i])));
    }

    // With whole numbers of 2⁻³⁰⁰ the sum of terms has no rounding at all; that in float64 loses what cancels.
    [Fact]
    public void Its_pieces_have_the_stored_numbers_value_to_the_last_digits()
    {
        const int bits = 300;
        var (sorted, network) = Build(Sample(1000));
        var (line, w, b) = (network.Line(), network.WeightsOf(), network.Knots);
        for (var i = 0; i < 1000; i += 37)
        {
            var sum = BigInteger.Zero;
            for (var j = 0; j <= i; j++) sum += Exact(w[j]) * (Exact(sorted.Z[i]) - Exact(b[j]));
            Assert.Equal(Math.ScaleB((double)sum, -2 * bits), line.At(sorted.Z[i]), 1e-14 * (1 + Math.Abs(line.At(sorted.Z[i]))));
        }

        static BigInteger Exact(double value)
        {
            // In [2⁵², 2⁵³) every float64 is a whole number.
            var exponent = value == 0 ? 0 : Math.ILogB(value) - 52;
            return new BigInteger(Math.ScaleB(value, -exponent)) << (bits + exponent);
        }
    }

    [Fact]
    public void Equal_points_are_refused_with_their_indices()
    {
        double[][] rows = [[1, 2], [3, 4], [0, 0], [3, 4], [5, 6]];

        var refusal = Assert.Throws<DuplicatePointsException>(() => SortedSample.Of(new GivenPoints(rows), seed: 1));

        Assert.Equal((1, 3), (refusal.First, refusal.Second));
        Assert.StartsWith("Points 1 and 3 are equal", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Points_with_a_coordinate_that_is_no_number_are_refused()
    {
        double[][] rows = [[1, 2], [double.NaN, 4]];

        Assert.Contains(
            "Point 1", Assert.Throws<TheoryException>(() => SortedSample.Of(new GivenPoints(rows), 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Points_that_float64_cannot_tell_apart_along_any_direction_are_refused()
    {
        double[][] rows = [[1], [Math.BitIncrement(1)], [2]];

        Assert.Contains(
            "cannot tell", Assert.Throws<TheoryException>(() => SortedSample.Of(new GivenPoints(rows), 1)).Message,
            StringComparison.Ordinal);
    }

    [Fact, Trait("kind", "slow")]
    public void Float32_fails_at_10_000_points_where_float64_does_not()
    {
        var lost = 0;
        foreach (var seed in (ulong[])[0, 1, 2])
        {
            var rows = Study(Sample(10_000, seed: seed), seed).Precisions;

            Assert.Equal(["float64", "float64, stored in float32", "float32 throughout"], rows.Select(row => row.Name));
            Assert.True(rows[0] is { Accuracy: 100.0, Ties: 0, Misplaced: 0, NotFinite: 0 }, $"{rows[0]}");
            Assert.InRange(rows[1].Accuracy, 0, 90);
            Assert.InRange(rows[2].Accuracy, 0, 90);
            lost += rows[2].Ties + rows[2].Misplaced;
        }
        Assert.True(lost > 0); // projections tie, or knots and points do
        Assert.All(Study(Sample(100)).Precisions, row => Assert.Equal(100.0, row.Accuracy));
    }

    [Fact]
    public void K_outputs_share_a_and_b_and_fit_all_labels()
    {
        var sample = Sample(1000, d: 5);
        var report = Study(sample, outputs: true).Outputs!;
        Assert.Equal((5 + 1000 + 1000L * Classes, 100.0), (report.StoredNumbers, report.Accuracy));
        Assert.True(report.MaxError < 1e-5, $"{report.MaxError}");

        // The plain forward pass of each output, beside the pieces that the report is from.
        var sorted = SortedSample.Of(sample.Points, 1);
        var network = TheoremOne.Build(sorted, TheoremOne.OneHot(sample.Labels, Classes));
        for (var i = 0; i < sorted.Z.Length; i++)
        {
            var outputs = Enumerable.Range(0, Classes).Select(k => network.Forward(sorted.Z[i], k)).ToArray();
            Assert.Equal(sample.Labels[sorted.Order[i]], Array.IndexOf(outputs, outputs.Max()));
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(11)]
    [InlineData(1001)]
    public void A_deeper_and_narrower_network_is_the_same_function(int depth)
    {
        const int n = 1000, d = 8;
        var sample = Sample(n, d);
        var (sorted, network) = Build(sample);
        var layered = new LayeredTheoremOne(network, depth);

        Assert.InRange(layered.Width, n / (depth - 1), n / (depth - 1) + 4);
        Assert.InRange(layered.Connections(d), 2 * n + d, 4 * n + d + 5 * depth);
        double[] places = [.. sorted.Z, .. sorted.Z.Select(z => z + 0.01), sorted.Z[0] - 5, sorted.Z[^1] + 5];
        Assert.All(places, z => Assert.Equal(network.Forward(z), layered.Forward(z), 1e-6 * (1 + Math.Abs(network.Forward(z)))));
        var report = Study(sample, depth: depth).Layered;
        Assert.Equal(depth > 2, report is { Accuracy: 100.0 });
        Assert.Throws<TheoryException>(() => new LayeredTheoremOne(network, n + 2));
    }

    [Fact]
    public void What_is_drawn_is_bounded_and_passes_through_the_points()
    {
        var (small, large) = (Study(Sample(50)), Study(Sample(5000)));

        Assert.Equal((true, 100), (small.Curve.IsWhole, small.Curve.Places.Count));
        Assert.Equal((false, 400), (large.Curve.IsWhole, large.Curve.Places.Count));
        foreach (var report in (TheoremOneReport[])[small, large])
        {
            Assert.InRange(report.Curve.Ranges.Count, 10, 200);
            Assert.Equal(report.Curve.Places.Select(place => place.Z).Order(), report.Curve.Places.Select(place => place.Z));
            Assert.All(report.Curve.Places.Where(place => place.Label is not null),
                place => Assert.Equal(place.Label!.Value, place.Value, 1e-5));
            Assert.Equal(report.Points, report.WeightHistogram.Sum(bin => bin.Count) + report.ZeroWeights);
            Assert.InRange(
                Math.Log10(report.LargestWeight), report.WeightHistogram[^1].Low, report.WeightHistogram[^1].High);
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_numbers_and_another_seed_others()
    {
        var (first, again, other) = (Study(Sample(200)), Study(Sample(200)), Study(Sample(200, seed: 2), 2));

        Assert.Equal(first.LargestWeight, again.LargestWeight);
        Assert.Equal(first.Curve.Places, again.Curve.Places);
        Assert.NotEqual(first.LargestWeight, other.LargestWeight);
    }

    [Fact]
    public void Images_are_points_of_pixels_divided_by_255()
    {
        var set = new ConvexWeb.Training.Data.ImageSet(
            new(1, 1, 2, 3, 3, 1), new([0, 255, 51, 102, 255, 0], [2, 0, 1]), new([10, 20], [0]));
        var sample = LabelledPoints.Images("tiny", set, 3);
        var row = new double[2];
        sample.Points.Fill(1, row);

        Assert.Equal([0.2, 0.4], row);
        var report = Study(sample);
        Assert.Equal((3, 2, 8L, 100.0), (report.Points, report.Dimensions, report.StoredNumbers, report.Precisions[0].Accuracy));
    }

    [Fact]
    public void A_cancelled_study_ends()
        => Assert.Throws<OperationCanceledException>(
            () => TheoremOneStudy.Run(Sample(100), 1, false, 2, TimeProvider.System, new CancellationToken(canceled: true)));
}
