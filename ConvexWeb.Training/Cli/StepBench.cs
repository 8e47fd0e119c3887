using System.CommandLine;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Cli;

/// <summary><c>bench steps</c>: whole training steps of the MLP of S2 on one batch of CIFAR-10's shape; prints the median in milliseconds.</summary>
internal static class StepBench
{
    public static Command Create()
    {
        var ioc = new Option<bool>("--ioc") { Description = "With the convexity constraint" };
        var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 128 };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 30 };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount };
        var plain = new Option<bool>("--plain-steps") { Description = "Without the fused kernels" };
        var command = new Command("steps", "Milliseconds per training step of the MLP of S2.") { ioc, batch, steps, threads, plain };
        command.SetAction(p =>
        {
            set_num_threads(p.GetValue(threads));
            Console.WriteLine(Median(p.GetValue(ioc), p.GetValue(batch), p.GetValue(steps), !p.GetValue(plain)).ToString("0.000"));
            return ExitCodes.Done;
        });
        return command;
    }

    private static double Median(bool ioc, int batch, int steps, bool fused)
    {
        Generator.Default.manual_seed(0);
        var spec = new Specs.Spec { Data = new Cifar10Options(), Convexity = ioc ? new ExpEpsOptions() : new NoConvexityOptions() };
        using var network = ModelFactory.Build(spec);
        using var optimizer = new Optimizer(network, StepRule.Of(new AdamOptions()), Constraint.Of(spec), fused);
        using var images = rand([batch, 3, 32, 32]);
        using var labels = from_array(Enumerable.Range(0, batch).Select(i => i % 10L).ToArray());
        var times = new List<double>();
        var begun = TimeProvider.System.GetTimestamp();
        var warmUp = 0;
        while (times.Count < steps)
        {
            var start = TimeProvider.System.GetTimestamp();
            using (NewDisposeScope())
            {
                nn.functional.cross_entropy(network.forward(images), labels).backward();
                optimizer.Step(1e-4);
            }
            // The first seconds belong to the compiler, which takes a core from the products; a training lasts minutes. Both sides warm up alike.
            if (warmUp++ >= 5 && TimeProvider.System.GetElapsedTime(begun).TotalSeconds > 2) times.Add(TimeProvider.System.GetElapsedTime(start).TotalMilliseconds);
        }
        times.Sort();
        return times[times.Count / 2];
    }
}
