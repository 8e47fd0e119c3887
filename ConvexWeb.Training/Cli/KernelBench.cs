using System.CommandLine;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Cli;

/// <summary>
/// <c>bench kernels</c>: what each kernel gains in a training step of the model that it is for. Steps with and without it take turns in
/// one process; the figure is the median of the ratios of neighbours, so a change of the machine's speed hits both.
/// </summary>
internal static class KernelBench
{
    // A kernel that gains less in its model is not worth its code.
    private const double LeastGain = 0.05;

    private static readonly (KernelKind Kernel, string Model, bool Ioc, int Batch)[] Cases =
    [
        (KernelKind.Step, "mlp", false, 128),
        (KernelKind.Step, "mlp", true, 128),
        (KernelKind.Norm, "densenet", false, 32),
        (KernelKind.Convolution, "allconv", false, 64),
        (KernelKind.Dropout, "allconv", false, 64),
        (KernelKind.Shift, "cycle_mlp", false, 32),
        (KernelKind.Local, "s_local", false, 64),
        (KernelKind.SmallConvolution, "anneal_cnn", false, 32),
    ];

    public static Command Create()
    {
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount };
        var pairs = new Option<int>("--pairs")
        {
            DefaultValueFactory = _ => 15,
            Description = "Pairs of steps, with and without the kernel",
        };
        var only = new Option<string?>("--only") { Description = "Only cases whose line contains this" };
        var command = new Command("kernels", "What each kernel gains in a training step of its model.") { threads, pairs, only };
        command.SetAction(p =>
        {
            Console.WriteLine(Processor.Use(p.GetValue(threads), cache: null));
            Console.WriteLine($"{"kernel",-18}{"in a step of",-26}{"with",9}{"without",9}{"gain",8}   (ms; medians)");
            foreach (var (kernel, model, ioc, batch) in Cases)
            {
                var line = $"{kernel,-18}{$"{(ioc ? "ioc-" : "")}{model} batch {batch}",-26}";
                if (p.GetValue(only) is { } part && !line.Contains(part, StringComparison.OrdinalIgnoreCase)) continue;
                using var training = new BenchTraining(model, ioc, batch, eager: false);
                Report(line, Compare(kernel, p.GetValue(pairs), training.Step));
            }
            if (p.GetValue(only) is not { } some || "gather".Contains(some, StringComparison.OrdinalIgnoreCase))
            {
                using var training = new BenchTraining("mlp", false, 128, eager: false);
                var gather = GatherOnce();
                Report($"{KernelKind.Gather,-18}{"mlp batch 128, its batch",-26}", Compare(KernelKind.Gather, p.GetValue(pairs), () =>
                {
                    gather();
                    training.Step();
                }));
            }
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Report(string line, (double With, double Without, double Gain) c)
        => Console.WriteLine($"{line}{c.With,9:0.00}{c.Without,9:0.00}{c.Gain,8:P0}{(c.Gain < LeastGain ? "   under 5 %" : "")}");

    private static Action GatherOnce()
    {
        var images = (rand([5000, 3, 32, 32]) * 255).to(ScalarType.Byte);
        var (index, scale, shift) = (randint(5000, [128], ScalarType.Int64), rand([3]), rand([3]));
        return () => Gather.Normalized(images, index, scale, shift).Dispose();
    }

    private static (double With, double Without, double Gain) Compare(KernelKind kernel, int pairs, Action step)
    {
        double Time(bool on)
        {
            KernelSwitch.On = on ? KernelKind.All : KernelKind.All & ~kernel;
            var start = TimeProvider.System.GetTimestamp();
            step();
            return TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
        }

        for (var i = 0; i < 4; i++) _ = (Time(true), Time(false));
        var times = Enumerable.Range(0, pairs).Select(i =>
        {
            // Who goes first alternates: the second finds a warmer cache.
            if (i % 2 == 0) return (With: Time(true), Without: Time(false));
            var without = Time(false);
            return (With: Time(true), Without: without);
        }).ToList();
        KernelSwitch.On = KernelKind.All;
        return (Median(times.Select(t => t.With)), Median(times.Select(t => t.Without)), 1 - Median(times.Select(t => t.With / t.Without)));
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
