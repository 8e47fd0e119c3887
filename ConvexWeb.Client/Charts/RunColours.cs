namespace ConvexWeb.Client.Charts;

/// <summary>
/// Colours of runs: twelve hues, each with 3:1 against the light and the dark background alike. A run's colour follows from its id, so it
/// is the same on every page; where several runs stand together, a taken colour gives way to the next free one. After twelve come
/// other tones of them, as far as 3:1 allows; after sixty they begin again. Dash patterns are taken: they tell train from test.
/// </summary>
public static class RunColours
{
    // Ordered so that neighbours, which are often compared, differ in hue and in lightness.
    private static readonly string[][] Tones =
    [
        [
            "#2f7fd6", "#d9660a", "#0f9468", "#cf5fa0", "#8a6ae0", "#8a8419",
            "#1590b8", "#d94a4a", "#a8744a", "#5a9a2c", "#7f8792", "#1a9a94",
        ],
        [
            "#2768b0", "#a64e08", "#0c7653", "#9f497b", "#7056b6", "#6e6914",
            "#106f8e", "#b53e3e", "#885e3c", "#437321", "#616870", "#13736f",
        ],
        [
            "#4d91dc", "#dc711c", "#2aa079", "#d36ba7", "#997de4", "#979132",
            "#2999be", "#e06a6a", "#b38560", "#609e34", "#878f99", "#239e98",
        ],
        [
            "#2b74c3", "#bf5a09", "#0d845d", "#b6548d", "#7d60cb", "#7c7616",
            "#137fa3", "#c74444", "#986943", "#4e8626", "#707781", "#178681",
        ],
        [
            "#296eb9", "#b25408", "#0d7d58", "#ab4e84", "#775bc0", "#757015",
            "#117798", "#be4141", "#90633f", "#497c24", "#696f78", "#157c78",
        ],
    ];

    private static int Hues => Tones[0].Length;

    /// <summary>All of them.</summary>
    public static IEnumerable<string> All => Tones.SelectMany(tone => tone);

    public static string Of(long id) => Tones[0][(int)(id % Hues)];

    /// <summary>A colour for each, distinct for the first sixty; the order of <paramref name="ids"/> does not matter.</summary>
    public static IReadOnlyDictionary<long, string> Assign(IEnumerable<long> ids)
    {
        var colours = new Dictionary<long, string>();
        var taken = new HashSet<int>();
        foreach (var id in ids.Distinct().Order())
        {
            if (taken.Count % Hues == 0) taken.Clear();
            var hue = (int)(id % Hues);
            while (!taken.Add(hue)) hue = (hue + 1) % Hues;
            colours[id] = Tones[colours.Count / Hues % Tones.Length][hue];
        }
        return colours;
    }
}
