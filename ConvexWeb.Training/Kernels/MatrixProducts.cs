using static TorchSharp.torch;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// Which library multiplies float32 matrices on the CPU: MKL, libtorch's default, or oneDNN. oneDNN is reached by permitting bfloat16
/// precision; processors without matrix units for bfloat16 then still compute in float32,
/// and faster than MKL on many. Whether this one does is measured, never assumed.
/// </summary>
internal static class MatrixProducts
{
    // The two round differently, so a run that is resumed or repeated must get the same one:
    // the measured choice is kept, for this version of libtorch.
    private const string Libtorch = "2.10.0";

    // A product of bfloat16 numbers is wrong by about 0.01 of its largest value; float32 by 0.000001.
    private const double ExactEnough = 1e-5;

    // Rounds of each way; the medians decide, and oneDNN must be ahead by more than the noise.
    private const int Rounds = 9;
    private const double Ahead = 0.97;

    /// <summary>Sends float32 products to oneDNN where it is exact and faster here.</summary>
    /// <param name="folder">Keeps what was measured; null measures each time.</param>
    /// <returns>What was chosen and why, for the log of a training.</returns>
    public static string Choose(string? folder, TimeProvider clock)
    {
        if (!LibtorchNative.HasPrecisionSwitch) return "float32 products by MKL: this libtorch has no switch";
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        if (Error() is var error && !(error < ExactEnough))
        {
            LibtorchNative.AllowReducedProducts(false);
            return $"float32 products by MKL: oneDNN would compute them with an error of {error:0.0e0} on this processor";
        }
        var choice = folder is null ? Measure(clock) : Kept(folder, () => Measure(clock));
        LibtorchNative.AllowReducedProducts(choice.StartsWith("oneDNN", StringComparison.Ordinal));
        return $"float32 products by {choice}";
    }

    /// <summary>How layers multiply a [m, k] by b [k, n]: a product of its own, several at once, and with a bias added.</summary>
    private static readonly Func<Tensor, Tensor, Tensor>[] Ways =
    [
        (a, b) => a.mm(b),
        (a, b) => a.expand(3, -1, -1).bmm(b.expand(3, -1, -1)),
        (a, b) => nn.functional.linear(a, b.t(), zeros([b.shape[1]])),
    ];

    /// <summary>
    /// The largest error of <paramref name="ways"/> to multiply, of the largest value, with oneDNN permitted: over shapes with and without
    /// incomplete vectors, in the orientations of the way forward, of an input's gradient and of a weight's. NaN where one of them is.
    /// </summary>
    internal static double Error(IReadOnlyList<Func<Tensor, Tensor, Tensor>>? ways = null)
    {
        LibtorchNative.AllowReducedProducts(true);
        using var random = new Generator(1);
        var worst = 0.0;
        foreach (var (m, k, n) in new[] { (256L, 1024L, 300L), (37, 100, 11), (64, 48, 12), (10, 800, 100) })
        {
            foreach (var (left, right) in new[] { (false, true), (false, false), (true, false) })
            {
                var (a, b) = (Factor(m, k, left), Factor(k, n, right));
                var exact = a.to(ScalarType.Float64).mm(b.to(ScalarType.Float64));
                foreach (var way in ways ?? Ways)
                {
                    var error = (way(a, b).to(ScalarType.Float64) - exact).abs().max() / exact.abs().max();
                    worst = Math.Max(worst, error.item<double>());
                }
            }
        }
        return worst;

        Tensor Factor(long rows, long columns, bool transposed)
            => transposed ? randn([columns, rows], generator: random).t() : randn([rows, columns], generator: random);
    }

    // Medians of a product as a hidden layer has it.
    private static string Measure(TimeProvider clock)
    {
        using var random = new Generator(1);
        var (x, w) = (randn([128, 3072], generator: random), randn([3072, 800], generator: random));
        List<double>[] times = [[], []];
        for (var round = 0; round <= Rounds; round++)
        {
            for (var way = 0; way < 2; way++)
            {
                LibtorchNative.AllowReducedProducts(way == 0);
                var start = clock.GetTimestamp();
                x.mm(w).Dispose();
                // The first round makes the libraries ready.
                if (round > 0) times[way].Add(clock.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        var (oneDnn, mkl) = (times[0].Order().ElementAt(Rounds / 2), times[1].Order().ElementAt(Rounds / 2));
        var faster = oneDnn < Ahead * mkl ? "oneDNN" : "MKL";
        return $"{faster} ({oneDnn:0.00} ms by oneDNN and {mkl:0.00} ms by MKL when it was measured here)";
    }

    // Trainers that start together must agree: the first file stays.
    private static string Kept(string folder, Func<string> measure)
    {
        var file = Path.Combine(folder, $"products-{ProcessorName()}-{get_num_threads()}-{Libtorch}.txt");
        if (File.Exists(file)) return File.ReadAllText(file).Trim();
        var measured = measure();
        Directory.CreateDirectory(folder);
        var own = $"{file}.{Environment.ProcessId}";
        File.WriteAllText(own, measured + "\n");
        try
        {
            File.Move(own, file, overwrite: false);
            return measured;
        }
        catch (IOException) when (File.Exists(file))
        {
            File.Delete(own);
            return File.ReadAllText(file).Trim();
        }
    }

    // Hosts of different makes may share the folder.
    private static string ProcessorName()
    {
        string[] fields = ["model name", "cpu family", "model", "stepping"];
        var lines = File.Exists("/proc/cpuinfo") ? File.ReadLines("/proc/cpuinfo").TakeWhile(line => line.Length > 0).ToList() : [];
        var values = fields.Select(
            field => lines.FirstOrDefault(line => line.Split(':')[0].Trim() == field)?.Split(':')[1].Trim() ?? "unknown");
        return string.Concat(string.Join('-', values).Select(c => char.IsAsciiLetterOrDigit(c) || c == '-' ? c : '_'));
    }
}
