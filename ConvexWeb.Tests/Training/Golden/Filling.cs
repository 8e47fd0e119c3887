using System.Text;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training.Golden;

/// <summary>Weights by a rule instead of a file: the one of <c>make_model_golden.py</c>, value for value.</summary>
internal static class Filling
{
    private static readonly uint[] CrcTable = MakeTable();

    // Numbers in [−1, 1) from a tensor's name, in row-major order, put through a rule in float64.
    private static float[] Uniform(string name, long count, Func<double, double> rule)
        => [.. Uniform(name, count).Select(x => (float)rule(x))];

    private static double[] Uniform(string name, long count)
    {
        var seed = Crc32(Encoding.UTF8.GetBytes(name));
        var values = new double[count];
        for (long i = 0; i < count; i++)
        {
            var h = seed + (uint)(i + 1) * 2654435761u;
            h ^= h >> 16;
            h *= 2246822519u;
            h ^= h >> 13;
            values[i] = h / 4294967296.0 * 2 - 1;
        }
        return values;
    }

    /// <param name="constrained">Whether weights are to be non-negative, those in <paramref name="free"/> excepted.</param>
    public static Tensor Value(
        string name, long[] shape, bool constrained, IReadOnlySet<string> free, double gain, bool isBuffer = false)
    {
        var fanIn = shape.Skip(1).Aggregate(1L, (product, size) => product * size);
        Func<double, double> rule = name[(name.LastIndexOf('.') + 1)..] switch
        {
            "coefficients" or "scale" => x => 0.5 + 0.3 * x,
            "angle" when isBuffer => x => 0.4 + 0.3 * x,
            "angle" => x => 0.3 * x,
            "running_var" => x => 1 + 0.5 * x,
            "bias" or "running_mean" => x => 0.1 * x,
            _ when shape.Length == 1 => x => 1 + 0.2 * x,
            _ when constrained && !free.Contains(name) => x => Math.Abs(x) * 2 / fanIn,
            _ => x => x * gain / Math.Sqrt(fanIn),
        };
        return from_array(Uniform(name, Count(shape), rule)).view(shape);
    }

    /// <summary>The rule's numbers in [−1, 1) as they are, float64.</summary>
    public static Tensor Numbers(string name, long[] shape) => from_array(Uniform(name, Count(shape))).view(shape);

    public static Tensor Images(long[] shape)
        => from_array(Uniform("input", Count(shape), x => (x + 1) / 2)).view(shape);

    private static long Count(long[] shape) => shape.Aggregate(1L, (product, size) => product * size);

    private static uint Crc32(byte[] data) => ~data.Aggregate(~0u, (crc, value) => CrcTable[(crc ^ value) & 0xff] ^ (crc >> 8));

    private static uint[] MakeTable()
        => [.. Enumerable.Range(0, 256).Select(i => Enumerable.Range(0, 8)
            .Aggregate((uint)i, (crc, _) => (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1))];
}
