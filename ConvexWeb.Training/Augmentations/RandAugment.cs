using ConvexWeb.Training.Data;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Augmentations;

/// <summary>The operations of RandAugment in timm's order.</summary>
internal enum Operation
{
    AutoContrast,
    Equalize,
    Invert,
    Rotate,
    Posterize,
    Solarize,
    SolarizeAdd,
    Color,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
}

/// <summary>
/// An operation on one image. The argument is degrees, bits kept, a threshold,
/// an addend, a factor, a slope or a share of the side; of no meaning to the first three.
/// </summary>
internal readonly record struct Treatment(Operation Operation, double Argument);

/// <summary>
/// RandAugment (Cubuk et al. 2020, arXiv 1909.13719) as timm's rand-m…-mstd…-inc1: two operations an image, drawn with replacement,
/// each applied with probability 1/2, its magnitude normal around the one given and cut to 0..10. As there, pixels are whole numbers from 0
/// to 255 after every operation; unlike there, images are turned, sheared and moved by bilinear interpolation alone, never bicubic.
/// </summary>
internal static class RandAugment
{
    private const int Rounds = 2, Operations = 15;
    private const double Probability = 0.5, Top = 10;

    /// <summary>The treatments of one image, one a round; null where the round leaves it alone.</summary>
    public static Treatment?[] Draw(SplitMixStream stream, double magnitude, double deviation)
    {
        var treatments = new Treatment?[Rounds];
        for (var round = 0; round < Rounds; round++)
        {
            // All numbers are drawn whether they count or not, so that each has its place in the stream.
            var operation = (Operation)stream.NextIndex(Operations);
            var applied = stream.NextUnit() < Probability;
            var level = Math.Clamp(magnitude + deviation * stream.NextNormal(), 0, Top) / Top;
            var sign = stream.NextUnit() < 0.5 ? -1 : 1;
            if (applied) treatments[round] = new(operation, Argument(operation, level, sign));
        }
        return treatments;
    }

    /// <summary>The argument for a level in 0..1; truncations are timm's.</summary>
    internal static double Argument(Operation operation, double level, int sign) => operation switch
    {
        Operation.Rotate => sign * 30 * level,
        Operation.Posterize => 4 - (int)(4 * level),
        Operation.Solarize => 256 - (int)(256 * level),
        Operation.SolarizeAdd => (int)(110 * level),
        Operation.Color or Operation.Contrast or Operation.Brightness or Operation.Sharpness => Math.Max(0.1, 1 + sign * 0.9 * level),
        Operation.ShearX or Operation.ShearY => sign * 0.3 * level,
        Operation.TranslateX or Operation.TranslateY => sign * 0.45 * level,
        _ => 0,
    };

    /// <summary>One treatment an image, or none. Levels are float32 [B, C, H, W] of whole numbers in 0..255 and change in place.</summary>
    /// <param name="fill">Per channel, the level of what comes in from outside an image.</param>
    public static void Apply(Tensor levels, IReadOnlyList<Treatment?> treatments, IReadOnlyList<float> fill)
    {
        // Images of one family are treated together: a family costs as much for one image as for the few that a batch has of it.
        var treated = Enumerable.Range(0, treatments.Count).Where(i => treatments[i] is not null);
        foreach (var family in treated.GroupBy(i => FamilyOf(treatments[i]!.Value.Operation)))
        {
            using var scope = NewDisposeScope();
            var index = from_array(family.Select(i => (long)i).ToArray()).to(levels.device);
            Treatment[] these = [.. family.Select(i => treatments[i]!.Value)];
            levels.index_copy_(0, index, family.Key(levels.index_select(0, index), these, fill));
        }
    }

    private delegate Tensor Family(Tensor levels, IReadOnlyList<Treatment> treatments, IReadOnlyList<float> fill);

    private static readonly Family
        Tables = (levels, treatments, _) => PixelTables.Apply(levels, treatments),
        Enhances = (levels, treatments, _) => Enhancements.Apply(levels, treatments),
        Moves = AffineMoves.Apply;

    private static Family FamilyOf(Operation operation) => operation switch
    {
        Operation.Color or Operation.Contrast or Operation.Brightness or Operation.Sharpness => Enhances,
        Operation.Rotate or Operation.ShearX or Operation.ShearY or Operation.TranslateX or Operation.TranslateY => Moves,
        _ => Tables,
    };
}
