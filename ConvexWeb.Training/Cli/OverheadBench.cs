using System.CommandLine;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Models.Graph.Fused;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Cli;

/// <summary>
/// <c>bench overhead</c>: what our code costs on top of TorchSharp. Both train an MLP whose products are next to nothing (8 units and 2
/// images), so that what remains is the cost of calls: the plan's network and optimizer here, TorchSharp's own modules and optimizer there.
/// The difference is set against a whole step of the MLP of S2 at batch 128.
/// </summary>
internal static class OverheadBench
{
    private const int Pixels = 3072, Classes = 10, Units = 8, Images = 2;
    private const int StepsOfARound = 200;

    public static Command Create()
    {
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 11 };
        var command = new Command("overhead", "What our code costs beside bare TorchSharp, as a share of an MLP step.") { threads, rounds };
        command.SetAction(p =>
        {
            Processor.Use(p.GetValue(threads), cache: null);
            Report(p.GetValue(rounds));
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Report(int rounds)
    {
        using var ours = new Ours();
        using var bare = new Bare();
        using var whole = new BenchTraining("mlp", ioc: false, batch: 128, eager: false);
        (string Name, Action Step, List<double> Times)[] cases =
        [
            ("forward and backward, ours", ours.Gradients, []), ("forward and backward, bare", bare.Gradients, []),
            ("whole step, ours", ours.Step, []), ("whole step, bare", bare.Step, []),
            ("MLP of S2, batch 128", whole.Step, []),
        ];
        for (var round = -1; round < rounds; round++)
        {
            foreach (var (_, step, times) in cases)
            {
                var count = step == whole.Step ? StepsOfARound / 10 : StepsOfARound;
                var start = TimeProvider.System.GetTimestamp();
                for (var i = 0; i < count; i++) step();
                // The first round belongs to the compiler.
                if (round >= 0) times.Add(TimeProvider.System.GetElapsedTime(start).TotalMicroseconds / count);
            }
        }
        var medians = cases.Select(c => c.Times.Order().ElementAt(rounds / 2)).ToList();
        foreach (var (c, median) in cases.Zip(medians)) Console.WriteLine($"{c.Name,-28}{median,10:0.0} µs");
        Console.WriteLine($"of an MLP step: forward and backward {(medians[0] - medians[1]) / medians[4]:+0.0 %;-0.0 %}, "
            + $"with the optimizer {(medians[2] - medians[3]) / medians[4]:+0.0 %;-0.0 %}");
    }

    private sealed class Ours : IDisposable
    {
        private readonly PlanNetwork network = new(new MlpOptions { Width = Units }
            .Plan(new NoConvexityOptions(), new ImageInput(3, 32, 32, Classes)));
        private readonly Optimizers.Optimizer optimizer;
        private readonly Tensor images = rand([Images, 3, 32, 32]), labels = zeros([Images], ScalarType.Int64);

        public Ours() => optimizer = new(network, new AdamOptions(), Constraint.Of(new Spec { Data = new Cifar10Options() }));

        public void Gradients()
        {
            using var scope = NewDisposeScope();
            FusedFunctions.Backward(nn.functional.cross_entropy(network.forward(images), labels));
        }

        public void Step()
        {
            Gradients();
            optimizer.Step(1e-4);
        }

        public void Dispose()
        {
            optimizer.Dispose();
            network.Dispose();
            images.Dispose();
            labels.Dispose();
        }
    }

    private sealed class Bare : IDisposable
    {
        private readonly nn.Module<Tensor, Tensor> network = nn.Sequential(
            nn.Flatten(), nn.Linear(Pixels, Units), nn.BatchNorm1d(Units), nn.ReLU(),
            nn.Linear(Units, Units), nn.BatchNorm1d(Units), nn.ReLU(),
            nn.Linear(Units, Units), nn.BatchNorm1d(Units), nn.ReLU(), nn.Linear(Units, Classes));
        private readonly optim.Optimizer optimizer;
        private readonly Tensor images = rand([Images, 3, 32, 32]), labels = zeros([Images], ScalarType.Int64);

        public Bare() => optimizer = optim.Adam(network.parameters());

        public void Gradients()
        {
            using var scope = NewDisposeScope();
            nn.functional.cross_entropy(network.forward(images), labels).backward();
        }

        public void Step()
        {
            optimizer.zero_grad();
            Gradients();
            optimizer.step();
        }

        public void Dispose()
        {
            optimizer.Dispose();
            network.Dispose();
            images.Dispose();
            labels.Dispose();
        }
    }
}
