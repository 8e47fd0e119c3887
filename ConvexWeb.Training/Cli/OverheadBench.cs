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
/// images), so that what remains is the cost of calls: the plan's network, the optimizer and the whole training loop with its batches and
/// running sums here; TorchSharp's own modules and optimizer, and a batch picked by plain operators, there. The difference is set against a
/// whole step of the MLP of S2 at batch 128.
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
        using var loop = new Loop();
        using var whole = new BenchTraining("mlp", ioc: false, batch: 128, eager: false);
        (string Name, Action Run, int Steps, List<double> Times)[] cases =
        [
            ("forward and backward, ours", Repeat(ours.Gradients, StepsOfARound), StepsOfARound, []),
            ("forward and backward, bare", Repeat(bare.Gradients, StepsOfARound), StepsOfARound, []),
            ("with optimizer, ours", Repeat(ours.Step, StepsOfARound), StepsOfARound, []),
            ("with optimizer, bare", Repeat(bare.Step, StepsOfARound), StepsOfARound, []),
            ("training loop, ours", loop.Epoch, StepsOfARound, []),
            ("training loop, bare", Repeat(bare.StepOnBatch, StepsOfARound), StepsOfARound, []),
            ("MLP of S2, batch 128", Repeat(whole.Step, StepsOfARound / 10), StepsOfARound / 10, []),
        ];
        for (var round = -1; round < rounds; round++)
        {
            foreach (var (_, run, steps, times) in cases)
            {
                var start = TimeProvider.System.GetTimestamp();
                run();
                // The first round belongs to the compiler.
                if (round >= 0) times.Add(TimeProvider.System.GetElapsedTime(start).TotalMicroseconds / steps);
            }
        }
        var medians = cases.Select(c => c.Times.Order().ElementAt(rounds / 2)).ToList();
        foreach (var (c, median) in cases.Zip(medians)) Console.WriteLine($"{c.Name,-28}{median,10:0.0} µs");
        var shares = new[] { 0, 2, 4 }.Select(i => $"{cases[i].Name[..^6]} {(medians[i] - medians[i + 1]) / medians[6]:+0.0 %;-0.0 %}");
        Console.WriteLine($"of an MLP step: {string.Join(", ", shares)}");
    }

    private static Action Repeat(Action step, int times) => () =>
    {
        for (var i = 0; i < times; i++) step();
    };

    /// <summary>The product's training loop, as a run takes it: batches, objective, optimizer, running sums and points.</summary>
    private sealed class Loop : IDisposable
    {
        private readonly TrainingData data;
        private readonly EventWriter events = new(null, null, TimeProvider.System);
        private readonly Trainer trainer;

        public Loop()
        {
            const int count = Images * StepsOfARound;
            var spec = new Spec
            {
                Model = new MlpOptions { Width = Units },
                Data = new Cifar10Options { TrainLimit = count, TestLimit = 1 },
                Training = new TrainingOptions { BatchSize = Images },
            };
            var info = DatasetInfo.Stored(spec.Data);
            var pixels = new byte[count * info.Dimensions];
            new Random(0).NextBytes(pixels);
            var labels = Enumerable.Range(0, count).Select(i => i % Classes).ToArray();
            var set = new ImageSet(info, new ImageSplit(pixels, labels), new ImageSplit(pixels[..info.Dimensions], [0]));
            data = TrainingData.Prepare(spec, set, 0, CPU, Path.GetTempPath(), null, _ => { });
            trainer = new Trainer(spec, new TrainerSettings(0, CPU, null, false, TimeProvider.System), data, events);
        }

        public void Epoch() => trainer.TimeOneEpoch();

        public void Dispose()
        {
            trainer.Dispose();
            events.Dispose();
            data.Dispose();
        }
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

        private readonly Tensor pool = (rand([Images * StepsOfARound, 3, 32, 32]) * 255).to(ScalarType.Byte);
        private readonly Tensor scale = rand([3, 1, 1]), shift = rand([3, 1, 1]);

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

        public void StepOnBatch()
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            var batch = pool.index_select(0, randint(pool.shape[0], [Images], ScalarType.Int64)).to(ScalarType.Float32) * scale + shift;
            nn.functional.cross_entropy(network.forward(batch), labels).backward();
            optimizer.step();
        }

        public void Dispose()
        {
            optimizer.Dispose();
            network.Dispose();
            images.Dispose();
            labels.Dispose();
            pool.Dispose();
            scale.Dispose();
            shift.Dispose();
        }
    }
}
