using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Theory;

/// <summary>A sample for the construction, and points that it does not see.</summary>
/// <param name="Source">gaussian, or the name of a data set.</param>
/// <param name="Labels">[n], from 0 to Classes − 1.</param>
/// <param name="FreshSource">What the fresh points are, in words.</param>
public sealed record LabelledPoints(
    string Source, Points Points, IReadOnlyList<int> Labels, int Classes, string FreshSource, Points Fresh, IReadOnlyList<int> FreshLabels)
{
    private const int MostFresh = 10_000;

    // Fresh points cost as much as the sample's; their number is bounded by the coordinates that have to be drawn.
    private const int MostFreshCoordinates = 20_000_000;

    /// <summary>Normal points with labels drawn uniformly, and fresh ones of the same kind.</summary>
    public static LabelledPoints Gaussian(int count, int dimensions, int classes, ulong seed)
    {
        var fresh = Math.Clamp(MostFreshCoordinates / dimensions, 1, MostFresh);
        return new(
            "gaussian", new GaussianPoints(count, dimensions, seed, TheoryStreams.Points),
            Draw(count, classes, seed, TheoryStreams.Labels), classes, "new points of the same distribution, with random labels",
            new GaussianPoints(fresh, dimensions, seed, TheoryStreams.FreshPoints), Draw(fresh, classes, seed, TheoryStreams.FreshLabels));
    }

    /// <summary>The first training images with their own labels; the first test images are the fresh points.</summary>
    public static LabelledPoints Images(string name, ImageSet set, int count)
    {
        var (train, test) = (set.Train.First(count), set.Test.First(MostFresh));
        return new(
            name, new ImagePoints(train, set.Info.Dimensions), train.Labels, set.Info.Classes, "test images with their own labels",
            new ImagePoints(test, set.Info.Dimensions), test.Labels);
    }

    /// <summary>The sample's labels in a random order.</summary>
    public IReadOnlyList<int> Permuted(ulong seed)
        => [.. SplitMix.Permutation(Labels.Count, SplitMix.Mix(seed, TheoryStreams.LabelOrder)).Select(i => Labels[i])];

    private static int[] Draw(int count, int classes, ulong seed, ulong stream)
        => [.. Enumerable.Range(0, count).Select(i => (int)(classes * SplitMix.Unit(SplitMix.Mix(seed, stream, (ulong)i))))];
}
