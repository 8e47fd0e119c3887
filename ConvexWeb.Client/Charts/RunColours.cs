namespace ConvexWeb.Client.Charts;

/// <summary>
/// Colours of runs: Okabe and Ito's colour-blind-safe palette (yellow darkened for white paper). A run's colour follows from its id, so
/// it is the same on every page; where several runs stand together, a taken colour gives way to the next free one. After eight, shades:
/// dash patterns are taken, they tell train from test.
/// </summary>
public static class RunColours
{
    // Ordered so that neighbours, which are often compared, differ in hue and in lightness.
    private static readonly string[] Palette = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999", "#f5c710"];

    private static readonly double[] Shades = [0, 0.35, -0.35, 0.55, -0.55, 0.2, -0.2];

    public static string Of(long id) => Palette[(int)(id % Palette.Length)];

    /// <summary>A colour for each, distinct for the first 56; the order of <paramref name="ids"/> does not matter.</summary>
    public static IReadOnlyDictionary<long, string> Assign(IEnumerable<long> ids)
    {
        var colours = new Dictionary<long, string>();
        var taken = new HashSet<int>();
        foreach (var id in ids.Distinct().Order())
        {
            if (taken.Count % Palette.Length == 0) taken.Clear();
            var slot = (int)(id % Palette.Length);
            while (!taken.Add(slot)) slot = (slot + 1) % Palette.Length;
            colours[id] = Shade(Palette[slot], Shades[colours.Count / Palette.Length % Shades.Length]);
        }
        return colours;
    }

    // Towards white (positive) or black (negative).
    private static string Shade(string colour, double by)
    {
        if (by == 0) return colour;
        var mixed = new int[3];
        for (var i = 0; i < 3; i++)
        {
            var part = Convert.ToInt32(colour.Substring(1 + 2 * i, 2), 16);
            mixed[i] = (int)Math.Round(by > 0 ? part + (255 - part) * by : part * (1 + by));
        }
        return $"#{mixed[0]:x2}{mixed[1]:x2}{mixed[2]:x2}";
    }
}
