using System.CommandLine;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Kernels;
using ConvexWeb.Training.Models;
using TorchSharp;

namespace ConvexWeb.Training.Cli;

/// <summary>
/// <c>bench steps</c>: whole training steps on one random batch, with the optimizer of the model's recipe; prints the median in
/// milliseconds.
/// </summary>
internal static class StepBench
{
    public static Command Create()
    {
        var model = new Option<string>("--model")
        {
            DefaultValueFactory = _ => "mlp",
            Description = "mlp, mixer (72 pixels), allconv, densenet (BC-100-12), cycle_mlp (B1, 64 pixels), mlp_1x512 (28 pixels), "
                + "s_fc (β-LASSO), s_local or anneal_cnn",
        };
        model.AcceptOnlyFromAmong(BenchTraining.Models);
        var ioc = new Option<bool>("--ioc") { Description = "With the convexity constraint; mixer and cycle_mlp then in mode seed" };
        var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 128 };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 30 };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount };
        var eager = new Option<bool>("--eager")
        {
            Description = "In eager TorchSharp with its own optimizer, for comparison: no kernels, libtorch's default products",
        };
        var bf16 = new Option<bool>("--bf16") { Description = "Products in bfloat16" };
        var command = new Command("steps", "Milliseconds per training step.") { model, ioc, batch, steps, threads, eager, bf16 };
        command.SetAction(p =>
        {
            var precision = p.GetValue(bf16) ? Precision.Bf16 : Precision.Float32;
            if (precision == Precision.Bf16 && Autocast.Missing(DeviceType.CPU) is { } missing)
                throw new BadInputException($"--bf16: {missing}.");
            if (p.GetValue(eager))
            {
                // Freed memory stays with the process here too: that is a setting of the C library, which users of TorchSharp can make.
                ProcessMemory.Keep();
                Processor.SetThreads(p.GetValue(threads));
            }
            else Processor.Use(p.GetValue(threads), cache: null);
            using var training = new BenchTraining(p.GetValue(model)!, p.GetValue(ioc), p.GetValue(batch), p.GetValue(eager), precision);
            Console.WriteLine(Median(training, p.GetValue(steps)).ToString("0.000"));
            return ExitCodes.Done;
        });
        return command;
    }

    private static double Median(BenchTraining training, int steps)
    {
        var times = new List<double>();
        var begun = TimeProvider.System.GetTimestamp();
        var warmUp = 0;
        var last = 0.0;
        while (times.Count < steps)
        {
            // The first seconds belong to the compiler, which takes a core from the products; a training lasts minutes.
            // Both sides warm up alike.
            var warm = last > 1000 ? warmUp >= 2 : warmUp >= 5 && TimeProvider.System.GetElapsedTime(begun).TotalSeconds > 2;
            var start = TimeProvider.System.GetTimestamp();
            training.Step();
            last = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
            warmUp++;
            if (warm) times.Add(last);
        }
        times.Sort();
        return times[times.Count / 2];
    }
}
