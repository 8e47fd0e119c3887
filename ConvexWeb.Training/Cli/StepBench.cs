using System.CommandLine;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph.Fused;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Cli;

/// <summary><c>bench steps</c>: whole training steps on one random batch, with the optimizer of the model's recipe; prints the median in milliseconds.</summary>
internal static class StepBench
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { DefaultValueFactory = _ => "mlp", Description = "mlp, mixer (72 pixels), allconv, densenet (BC-100-12) or cycle_mlp (B1, 64 pixels)" };
        model.AcceptOnlyFromAmong("mlp", "mixer", "allconv", "densenet", "cycle_mlp");
        var ioc = new Option<bool>("--ioc") { Description = "With the convexity constraint; mixer and cycle_mlp then in mode seed" };
        var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 128 };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 30 };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount };
        var plain = new Option<bool>("--plain-steps") { Description = "Without the fused kernels" };
        var command = new Command("steps", "Milliseconds per training step.") { model, ioc, batch, steps, threads, plain };
        command.SetAction(p =>
        {
            Processor.Use(p.GetValue(threads));
            var spec = SpecOf(p.GetValue(model)!, p.GetValue(ioc));
            Console.WriteLine(Median(spec, p.GetValue(batch), p.GetValue(steps), !p.GetValue(plain)).ToString("0.000"));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Spec SpecOf(string model, bool ioc)
    {
        var spec = new Spec { Data = new Cifar10Options(), Convexity = ioc ? new ExpEpsOptions() : new NoConvexityOptions() };
        return model switch
        {
            "mixer" => spec with { Model = new MixerOptions { Mode = "seed" }, Data = new Cifar10Options { Resize = 72 }, Optimizer = new AdamOptions { Lr = 1e-3 } },
            "allconv" => spec with { Model = new AllConvOptions(), Optimizer = new SgdOptions { Lr = ioc ? 0.01 : 0.05, Nesterov = true, WeightDecay = ioc ? 0 : 1e-3 } },
            "densenet" => spec with { Model = new DenseNetOptions(), Optimizer = new SgdOptions { Nesterov = true, WeightDecay = 1e-4 } },
            "cycle_mlp" => spec with { Model = new CycleMlpOptions { Mode = "seed" }, Data = new Cifar10Options { Resize = 64 }, Optimizer = new AdamWOptions { Lr = 5e-5, WeightDecay = 0.05 } },
            _ => spec,
        };
    }

    private static double Median(Spec spec, int batch, int steps, bool fused)
    {
        Generator.Default.manual_seed(0);
        var info = DatasetInfo.Of(spec.Data);
        using var network = ModelFactory.Build(spec);
        using var optimizer = new Optimizer(network, spec.Optimizer, Constraint.Of(spec), fused);
        using var images = rand([batch, info.Channels, info.Height, info.Width]);
        using var labels = from_array(Enumerable.Range(0, batch).Select(i => i % 10L).ToArray());
        var times = new List<double>();
        var begun = TimeProvider.System.GetTimestamp();
        var warmUp = 0;
        var last = 0.0;
        while (times.Count < steps)
        {
            // The first seconds belong to the compiler, which takes a core from the products; a training lasts minutes. Both sides warm up alike.
            var warm = last > 1000 ? warmUp >= 2 : warmUp >= 5 && TimeProvider.System.GetElapsedTime(begun).TotalSeconds > 2;
            var start = TimeProvider.System.GetTimestamp();
            using (NewDisposeScope())
            {
                FusedFunctions.Backward(nn.functional.cross_entropy(network.forward(images), labels));
                optimizer.Step(spec.Optimizer.BaseLr);
            }
            last = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
            warmUp++;
            if (warm) times.Add(last);
        }
        times.Sort();
        return times[times.Count / 2];
    }
}
