using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Theory;

/// <summary>Standard normal numbers of a key: Box and Muller on consecutive pairs, in the order of science.md C.</summary>
internal static class Normals
{
    public static void Fill(Span<double> values, ulong key)
    {
        var stream = new SplitMixStream(key);
        for (var i = 0; i < values.Length; i += 2)
        {
            // 1 − U is in (0, 1], where the logarithm is finite.
            var radius = Math.Sqrt(-2 * Math.Log(1 - stream.NextUnit()));
            var (sin, cos) = Math.SinCos(2 * Math.PI * stream.NextUnit());
            values[i] = radius * cos;
            if (i + 1 < values.Length) values[i + 1] = radius * sin;
        }
    }

    public static double[] Of(int count, ulong key)
    {
        var values = new double[count];
        Fill(values, key);
        return values;
    }
}
