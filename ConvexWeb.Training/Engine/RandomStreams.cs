using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// The named random streams that one seed gives.
/// Base and convex twins share the seed, so they share initial weights and order of data.
/// </summary>
internal static class RandomStreams
{
    private const ulong InitStream = 21, ShuffleStream = 22, DropoutStream = 23, ValidationStream = 24, CertificateStream = 25,
        FilterStream = 26;

    public static long Init(ulong seed) => Key(seed, InitStream);

    /// <summary>Of what is drawn while training, dropout above all.</summary>
    public static long Dropout(ulong seed) => Key(seed, DropoutStream);

    /// <summary>Of the points on which a certificate is tested.</summary>
    public static long Certificate(ulong seed) => Key(seed, CertificateStream);

    /// <summary>
    /// The order of the training images in an epoch;
    /// a function of the epoch, so that a resumed run needs no state for it.
    /// </summary>
    public static int[] Shuffle(ulong seed, int epoch, int count)
        => SplitMix.Permutation(count, SplitMix.Mix(seed, ShuffleStream, (ulong)epoch));

    /// <summary>The permutation whose last share is held out for validation.</summary>
    public static int[] Validation(ulong seed, int count) => SplitMix.Permutation(count, SplitMix.Mix(seed, ValidationStream));

    /// <summary>The order of a layer's filters, the first of which are shown.</summary>
    public static int[] Filters(ulong seed, int count) => SplitMix.Permutation(count, SplitMix.Mix(seed, FilterStream));

    private static long Key(ulong seed, ulong stream) => (long)(SplitMix.Mix(seed, stream) >> 1);
}
