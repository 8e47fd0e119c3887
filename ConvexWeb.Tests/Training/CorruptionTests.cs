using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;

namespace ConvexWeb.Tests.Training;

/// <summary>Golden values of science.md C: every worker draws the same numbers.</summary>
public sealed class CorruptionTests
{
    [Fact]
    public void SplitMix64_gives_its_published_first_outputs()
    {
        var stream = new SplitMixStream(0);
        Assert.Equal(0xe220a8397b1dcdaful, stream.Next());
        Assert.Equal(0x6e789e6aa1b965f4ul, stream.Next());
        Assert.Equal(0x06c45d188009454ful, stream.Next());
    }

    [Fact]
    public void Mix_and_the_mask_stream_give_the_golden_values()
    {
        Assert.Equal(0x93be8420bb55b94cul, SplitMix.Mix(42, 1, 0));
        double[] expected = [0.577126, 0.339722, 0.953714, 0.581013, 0.690508, 0.946719, 0.736445, 0.105841];
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], SplitMix.Unit(SplitMix.Mix(42, 1, (ulong)i)), 6);
    }

    [Fact]
    public void Random_labels_are_the_golden_classes()
    {
        var labels = LabelCorruption.Apply(new RandomLabelOptions(), new int[16], 10, 42);
        Assert.Equal([0, 7, 1, 1, 2, 9, 2, 9, 1, 3, 5, 2, 0, 9, 5, 7], labels.Labels);
    }

    [Fact]
    public void The_shared_permutation_starts_with_the_golden_places()
        => Assert.Equal([269, 571, 717, 398, 182, 735, 26, 536, 7, 4], SplitMix.Permutation(784, SplitMix.Mix(42, 3, 0)).Take(10));

    [Fact]
    public void Half_of_fifty_thousand_is_the_golden_count()
        => Assert.Equal(24_984, Enumerable.Range(0, 50_000).Count(i => SplitMix.Unit(SplitMix.Mix(42, 1, (ulong)i)) < 0.5));

    private static readonly int[] Truth = [.. Enumerable.Range(0, 50_000).Select(i => i * 7 % 10)];

    [Theory]
    [InlineData(0.2, 0.18)]
    [InlineData(0.5, 0.45)]
    [InlineData(1.0, 0.90)]
    public void Redrawn_labels_may_come_out_true(double p, double wrong)
        => Assert.Equal(wrong, LabelCorruption.Apply(new PartialLabelOptions { P = p }, Truth, 10, 1).WrongShare, 0.01);

    [Fact]
    public void Nothing_changes_at_p_0_and_everything_is_redrawn_at_p_1()
    {
        Assert.Equal(Truth, LabelCorruption.Apply(new PartialLabelOptions { P = 0 }, Truth, 10, 1).Labels);
        Assert.Equal(Truth, LabelCorruption.Apply(new TrueLabelOptions(), Truth, 10, 1).Labels);
        Assert.Equal(
            LabelCorruption.Apply(new RandomLabelOptions(), Truth, 10, 1).Sha256,
            LabelCorruption.Apply(new PartialLabelOptions { P = 1 }, Truth, 10, 1).Sha256);
    }

    [Fact]
    public void The_exact_mode_redraws_exactly_that_many()
    {
        // With as many classes as labels, a redrawn label almost never comes out true.
        var truth = new int[1000];
        var labels = LabelCorruption.Apply(new PartialExactLabelOptions { P = 0.3 }, truth, 1_000_000, 5).Labels;
        Assert.Equal(300, labels.Count(l => l != 0));
    }

    [Fact]
    public void Random_labels_have_the_entropy_of_a_uniform_draw()
    {
        var labels = LabelCorruption.Apply(new RandomLabelOptions(), Truth, 10, 3).Labels;
        var entropy = -labels.GroupBy(l => l).Sum(g => (double)g.Count() / labels.Length * Math.Log((double)g.Count() / labels.Length));
        Assert.Equal(Math.Log(10), entropy, 0.001);
    }

    [Fact]
    public void Labels_are_keyed_by_place_so_that_a_longer_split_starts_the_same()
    {
        var all = LabelCorruption.Apply(new RandomLabelOptions(), Truth, 10, 9).Labels;
        Assert.Equal(all.Take(100), LabelCorruption.Apply(new RandomLabelOptions(), Truth.AsSpan(0, 100), 10, 9).Labels);
        Assert.NotEqual(all, LabelCorruption.Apply(new RandomLabelOptions(), Truth, 10, 10).Labels);
    }
}
