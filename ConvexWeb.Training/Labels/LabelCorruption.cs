using System.Security.Cryptography;
using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Labels;

/// <summary>Training labels after corruption, with what the results page says about them.</summary>
/// <param name="Sha256">Hash of the label vector, two bytes a label, little-endian.</param>
/// <param name="WrongShare">Share of labels that differ from the truth: a redrawn label may come out true.</param>
public sealed record CorruptedLabels(int[] Labels, string Sha256, double WrongShare);

/// <summary>
/// Corrupts training labels once,
/// keyed by the seed and the image's index in the data set's own order (Zhang et al. 2017 s2.1; science.md C).
/// </summary>
public static class LabelCorruption
{
    private const ulong MaskStream = 1, ClassStream = 2, OrderStream = 6, Seed001PlaceStream = 11, Seed001ClassStream = 12;

    /// <param name="seed">The run's; the corruption may have one of its own.</param>
    public static CorruptedLabels Apply(LabelOptions options, ReadOnlySpan<int> truth, int classes, ulong seed)
    {
        if ((options as CorruptedLabelOptions)?.CorruptionSeed is { } own) seed = (ulong)own;
        var labels = truth.ToArray();
        switch (options)
        {
            case TrueLabelOptions: break;
            case Seed001LabelOptions { P: var p }: RedrawWithReplacement(labels, p, seed); break;
            case SymmetricWrongLabelOptions { P: var p }:
                foreach (var i in Masked(labels.Length, p, seed)) labels[i] = Other(labels[i], classes, UnitOf(seed, i));
                break;
            default:
                foreach (var i in Hit(options, labels.Length, seed)) labels[i] = (int)(classes * UnitOf(seed, i));
                break;
        }
        var wrong = 0;
        for (var i = 0; i < labels.Length; i++) wrong += labels[i] == truth[i] ? 0 : 1;
        return new(labels, Hash(labels), labels.Length == 0 ? 0 : (double)wrong / labels.Length);
    }

    private static double UnitOf(ulong seed, int i) => SplitMix.Unit(SplitMix.Mix(seed, ClassStream, (ulong)i));

    private static int Other(int truth, int classes, double unit) => (truth + 1 + (int)((classes - 1) * unit)) % classes;

    private static IEnumerable<int> Hit(LabelOptions options, int n, ulong seed) => options switch
    {
        RandomLabelOptions => Enumerable.Range(0, n),
        PartialLabelOptions { P: var p } => Masked(n, p, seed),
        PartialExactLabelOptions { P: var p } => Enumerable.Range(0, n)
            .OrderBy(i => SplitMix.Mix(seed, OrderStream, (ulong)i)).Take((int)Math.Round(p * n, MidpointRounding.AwayFromZero)),
        _ => throw new NotSupportedException(options.GetType().Name),
    };

    private static IEnumerable<int> Masked(int n, double p, ulong seed)
        => Enumerable.Range(0, n).Where(i => SplitMix.Unit(SplitMix.Mix(seed, MaskStream, (ulong)i)) < p);

    // A place that is drawn twice keeps the later class.
    private static void RedrawWithReplacement(int[] labels, double p, ulong seed)
    {
        var places = new SplitMixStream(SplitMix.Mix(seed, Seed001PlaceStream, 0));
        var classes = new SplitMixStream(SplitMix.Mix(seed, Seed001ClassStream, 0));
        for (var draws = (int)(p * labels.Length); draws > 0; draws--)
            labels[(int)(labels.Length * places.NextUnit())] = (int)(Seed001LabelOptions.Drawn * classes.NextUnit());
    }

    private static string Hash(int[] labels)
    {
        var bytes = new byte[labels.Length * 2];
        for (var i = 0; i < labels.Length; i++) BitConverter.TryWriteBytes(bytes.AsSpan(2 * i), (ushort)labels[i]);
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}
