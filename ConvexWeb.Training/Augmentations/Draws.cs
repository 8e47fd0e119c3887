using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Augmentations;

/// <summary>
/// The random numbers of augmentation: a function of seed, purpose, step and the image's place in the batch. So a resumed run needs no
/// state for them, twins with one seed see the same images, and one augmentation more changes nothing for the others.
/// </summary>
internal static class Draws
{
    // Streams below 31 belong to labels, drawn images and the run itself.
    public const ulong Flip = 31, Crop = 32, RandAugment = 33, ColourJitter = 34, Erasing = 35, Noise = 36, Mixing = 37, Box = 38;

    public static ulong Key(ulong seed, ulong purpose, ulong step, int image) => SplitMix.Mix(seed, purpose, step, (ulong)image);

    public static SplitMixStream Stream(ulong seed, ulong purpose, ulong step, int image) => new(Key(seed, purpose, step, image));

    /// <summary>A whole number in 0..count − 1.</summary>
    public static int NextIndex(this ref SplitMixStream stream, int count) => (int)(stream.NextUnit() * count);

    /// <summary>A standard normal number (Box and Muller).</summary>
    public static double NextNormal(this ref SplitMixStream stream)
    {
        var radius = Math.Sqrt(-2 * Math.Log(1 - stream.NextUnit()));
        return radius * Math.Cos(2 * Math.PI * stream.NextUnit());
    }

    /// <summary>
    /// A number of Beta(alpha, alpha): the share of one of two Gamma(alpha) numbers,
    /// by their logarithms, so that a tiny alpha gives 0 or 1 and no NaN.
    /// </summary>
    public static double NextBeta(this ref SplitMixStream stream, double alpha)
    {
        var first = stream.NextLogGamma(alpha);
        var second = stream.NextLogGamma(alpha);
        return 1 / (1 + Math.Exp(second - first));
    }

    /// <summary>
    /// Logarithm of a Gamma(shape) number: Marsaglia and Tsang 2000,
    /// doi 10.1145/358407.358414, with their step from shape + 1 to shape below 1.
    /// </summary>
    private static double NextLogGamma(this ref SplitMixStream stream, double shape)
    {
        if (shape < 1) return stream.NextLogGamma(shape + 1) + Math.Log(1 - stream.NextUnit()) / shape;
        var d = shape - 1.0 / 3;
        var c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            var x = stream.NextNormal();
            var root = 1 + c * x;
            var u = 1 - stream.NextUnit();
            if (root <= 0) continue;
            var v = root * root * root;
            if (Math.Log(u) < 0.5 * x * x + d - d * v + d * Math.Log(v)) return Math.Log(d * v);
        }
    }
}
