namespace ConvexWeb.Training.Data;

/// <summary>
/// The keyed generator of all corruptions (science.md C):
/// every worker gets the same numbers, in any order, from the key alone.
/// </summary>
public static class SplitMix
{
    /// <summary>The first output of SplitMix64 for a state.</summary>
    public static ulong First(ulong state)
    {
        var z = state + 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    /// <summary>h = 0; for each key k: h = First(h xor k).</summary>
    public static ulong Mix(params ReadOnlySpan<ulong> keys)
    {
        var h = 0ul;
        foreach (var key in keys) h = First(h ^ key);
        return h;
    }

    /// <summary>A hash as a number in [0, 1), with 53 bits.</summary>
    public static double Unit(ulong hash) => (hash >> 11) * (1.0 / (1ul << 53));

    /// <summary>A permutation of 0..n−1: Fisher–Yates from the end, a SplitMix64 stream started at the key.</summary>
    public static int[] Permutation(int n, ulong key)
    {
        var order = new int[n];
        for (var i = 0; i < n; i++) order[i] = i;
        var stream = new SplitMixStream(key);
        for (var i = n - 1; i > 0; i--)
        {
            var j = (int)(stream.NextUnit() * (i + 1));
            (order[i], order[j]) = (order[j], order[i]);
        }
        return order;
    }
}

/// <summary>SplitMix64 as a sequence.</summary>
public struct SplitMixStream(ulong state)
{
    private ulong state = state;

    public ulong Next()
    {
        var value = SplitMix.First(state);
        state += 0x9e3779b97f4a7c15;
        return value;
    }

    /// <summary>The next number in [0, 1).</summary>
    public double NextUnit() => SplitMix.Unit(Next());

    /// <summary>The next number in [low, high).</summary>
    public double NextBetween(double low, double high) => low + (high - low) * NextUnit();
}
