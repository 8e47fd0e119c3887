using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Augmentations;

/// <summary>Brightness, contrast and saturation by random factors in random order, as torchvision's ColorJitter without hue.</summary>
internal static class ColourJitter
{
    public const int Rounds = 3;

    private static readonly Operation[] Kinds = [Operation.Brightness, Operation.Contrast, Operation.Color];

    /// <summary>The three treatments of one image in their order; factors lie in [max(0, 1 − strength), 1 + strength).</summary>
    public static Treatment[] Draw(SplitMixStream stream, double strength)
    {
        var treatments = new Treatment[Rounds];
        for (var i = 0; i < Rounds; i++) treatments[i] = new(Kinds[i], stream.NextBetween(Math.Max(0, 1 - strength), 1 + strength));
        for (var i = Rounds - 1; i > 0; i--)
        {
            var j = stream.NextIndex(i + 1);
            (treatments[i], treatments[j]) = (treatments[j], treatments[i]);
        }
        return treatments;
    }
}
