using System.Text.Json;
using ConvexWeb.Tests.Training.Models;
using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Whole trainings in this process: determinism, resume, the constraint, memorising.</summary>
[Collection(TorchCollection.Name)]
[Trait("kind", "slow")]
public sealed class TrainerTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("convexweb-train-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    private static readonly Spec Small = new()
    {
        Model = new MlpOptions { Width = 64, Depth = 2, Dropout = 0.2 },
        Data = new GlyphsOptions { TrainSize = 310, TestSize = 100, Validation = 0.1 },
        Optimizer = new AdamOptions { Lr = 1e-3 },
        Training = new TrainingOptions { Epochs = 4, BatchSize = 32, PointsEvery = 2 },
    };

    private sealed record Outcome(bool Ended, List<TrainingEvent> Events, string Weights);

    private Outcome Train(
        Spec spec, string name, ulong seed = 1, bool resume = false, Func<TrainingEvent, bool>? stopAfter = null,
        Action<nn.Module, Constraint>? inspect = null, List<TrainingEvent>? told = null)
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, name)).FullName;
        var set = new DatasetStore(root, new Fetcher(new HttpClient())).LoadAsync(spec.Data, null, _ => { }, default).Result;
        var events = told ?? [];
        using var stop = new CancellationTokenSource();
        using var data = TrainingData.Prepare(spec, set, seed, CPU, root, folder, _ => { });
        var journal = Path.Combine(folder, "metrics.jsonl");
        using var writer = new EventWriter(journal, (happened, _) => events.Add(happened), TimeProvider.System)
        {
            OnReport = happened =>
            {
                if (stopAfter?.Invoke(happened) == true) stop.Cancel();
            },
        };
        using var trainer = new Trainer(spec, new TrainerSettings(seed, CPU, folder, resume, TimeProvider.System), data, writer);
        var ended = trainer.Run(stop.Token);
        writer.Dispose();
        inspect?.Invoke(trainer.Network, Constraint.Of(spec));
        return new(ended, events, Checkpoint.WeightsSha256(trainer.Network));
    }

    private Dictionary<string, Tensor> StateOf(string name)
    {
        var (tensors, _) = SafeTensors.Load(Path.Combine(root, name, "last.safetensors"));
        return new(tensors);
    }

    [Fact]
    public void The_same_spec_and_seed_give_the_same_weights_and_another_seed_does_not()
    {
        var first = Train(Small, "a").Weights;
        Assert.Equal(first, Train(Small, "b").Weights);
        Assert.NotEqual(first, Train(Small, "c", seed: 2).Weights);
    }

    [Theory]
    [MemberData(nameof(PlanNetworkTests.AllModels), MemberType = typeof(PlanNetworkTests))]
    public void Every_model_trains_to_its_end_and_measures_every_weight(string name)
    {
        foreach (var convexity in new ConvexityOptions[] { new NoConvexityOptions(), new ExpEpsOptions() })
        {
            var spec = new Spec
            {
                Model = PlanTests.Model(name),
                Convexity = convexity,
                Data = new GlyphsOptions
                {
                    TrainSize = 48,
                    TestSize = 20,
                    Validation = 0.2,
                    Resize = 32,
                    Preprocessing = PreprocessingKind.Standardize,
                },
                Optimizer = new AdamOptions { Lr = 1e-3 },
                Training = new TrainingOptions { Epochs = 2, BatchSize = 20 },
            };
            var outcome = Train(spec, $"{name}-{convexity.GetType().Name}");
            Assert.True(outcome.Ended);
            var summary = Assert.IsType<FinishedEvent>(outcome.Events[^1]).Summary!;
            Assert.Equal(2, summary.Epochs);
            var weights = spec.Model.Plan(convexity, new ImageInput(1, 32, 32, 10)).Steps.SelectMany(s => s.Tensors)
                .Where(t => t.Role is TensorRole.Weight or TensorRole.Coefficient);
            Assert.Equal(weights.Select(t => t.Name), summary.Layers.Select(l => l.Name));
            Assert.All(outcome.Events.OfType<EpochEvent>(), e => Assert.True(double.IsFinite(e.Values["train/loss"])));
        }
    }

    [Fact]
    public void With_smoothed_labels_the_objective_stays_above_its_floor_while_the_plain_loss_falls_below()
    {
        // T.14: ten classes, 0.1: no prediction is better than 0.5003.
        var spec = Small with
        {
            Model = new MlpOptions { Width = 256, Depth = 2 },
            Optimizer = new AdamOptions { Lr = 3e-3 },
            Training = Small.Training with { Epochs = 40, LabelSmoothing = 0.1 },
        };
        var outcome = Train(spec, "smoothed");
        var last = outcome.Events.OfType<EpochEvent>().Last().Values;
        Assert.True(last["train/loss"] < 0.4, $"plain loss {last["train/loss"]}");
        Assert.InRange(last["train/objective"], 0.5003, 0.6);
        Assert.Equal(last["test/loss"] - last["train/loss"], last["gap_loss"], 12);
        // A batch of an augmented or dropped-out network can only be above it, too.
        Assert.All(outcome.Events.OfType<PointsEvent>(), p => Assert.True(p.Values["train/objective_running"] > 0.5003));
        Assert.Contains(outcome.Events.OfType<PointsEvent>(), p => p.Values["train/loss_running"] < 0.5003);
    }

    [Fact]
    public void A_training_stops_below_a_loss_and_tells_its_peak_and_its_labels()
    {
        var spec = Small with
        {
            Labels = new PartialExactLabelOptions { P = 0.5 },
            Model = new MlpOptions { Width = 256, Depth = 2 },
            Optimizer = new AdamOptions { Lr = 3e-3 },
            Training = Small.Training with { Epochs = 200, StopBelowLoss = 0.05 },
        };
        var outcome = Train(spec, "below");
        var summary = Assert.IsType<FinishedEvent>(outcome.Events[^1]).Summary!;
        Assert.Contains("training loss is below 0.05", summary.EndedBecause, StringComparison.Ordinal);
        Assert.InRange(summary.Epochs, 2, 199);
        var epochs = outcome.Events.OfType<EpochEvent>().ToList();
        Assert.True(epochs[^1].Values["train/loss"] < 0.05 && epochs[^2].Values["train/loss"] >= 0.05);
        Assert.Equal(epochs.Max(e => e.Values["test/accuracy"]), summary.Peak["test/accuracy"]);
        Assert.Equal(epochs.First(e => e.Values["test/accuracy"] == summary.Peak["test/accuracy"]).Epoch, summary.PeakEpoch);
        Assert.Equal(Assert.Single(outcome.Events.OfType<StartedEvent>()).LabelsSha256, summary.LabelsSha256);
        Assert.InRange(summary.WrongLabels, 0.35, 0.55); // half are drawn anew, a tenth of them as they were
    }

    [Fact]
    public void ImageNets_mean_and_deviation_are_taken_as_they_are()
    {
        var pixels = new byte[2 * 3 * 32 * 32];
        Random.Shared.NextBytes(pixels);
        var info = new DatasetInfo(3, 32, 32, 10, 2, 2);
        var set = new ImageSet(info, new ImageSplit(pixels, [0, 1]), new ImageSplit(pixels, [0, 1]));
        using var scope = NewDisposeScope();
        var options = new Cifar10Options { Preprocessing = PreprocessingKind.Imagenet, TrainLimit = 2, TestLimit = 2 };
        using var data = TrainingData.Prepare(new Spec { Data = options }, set, 1, CPU, root, null, _ => { });
        var (images, _) = data.Train.Slice(0, 2);
        var green = images.select(0, 1).select(0, 1).flatten().data<float>().ToArray();
        Assert.Equal((pixels[1024 * 4 + 7] / 255.0 - 0.456) / 0.224, green[7], 5);
        Assert.NotEmpty(SpecReader.Read("""{"data": {"name": "mnist", "preprocessing": "imagenet"}}""").Problems);
    }

    [Theory]
    [InlineData(false, "at step ")]
    [InlineData(true, "on the training images after step ")]
    public void N6_a_training_that_diverges_fails_at_once_and_names_step_and_layer(bool inEvaluation, string when)
    {
        var spec = Small with
        {
            Optimizer = new SgdOptions { Lr = 1e20 },
            Model = new MlpOptions { Width = 16, Depth = 2, BatchNorm = false },
            // One step is one epoch, so that the evaluation sees it before another step does.
            Training = inEvaluation ? Small.Training with { BatchSize = 64 } : Small.Training,
            Data = inEvaluation ? new GlyphsOptions { TrainSize = 64, TestSize = 20 } : Small.Data,
        };
        var events = new List<TrainingEvent>();
        var problem = Assert.Throws<DivergedException>(() => Train(spec, $"diverged{inEvaluation}", told: events));
        Assert.Contains(when, problem.Message, StringComparison.Ordinal);
        Assert.Matches(@"the first layer with such an output is (fc\d|act\d)", problem.Message);
        Assert.True(problem.Step > 0);
        Assert.Equal(FailureCause.NotFinite, Failure.CauseOf(problem));
        Assert.Empty(events.OfType<FinishedEvent>());
        var values = events.OfType<EpochEvent>().SelectMany(told => told.Values.Values);
        Assert.All(values, value => Assert.True(double.IsFinite(value)));
    }

    [Fact]
    public void The_means_over_an_epochs_steps_are_those_of_its_points_also_when_resumed()
    {
        // 10 steps of 32 images an epoch, and a point every 4: no epoch begins with one.
        var spec = Small with
        {
            Data = new GlyphsOptions { TrainSize = 320, TestSize = 40 },
            Training = Small.Training with { Epochs = 3, BatchSize = 32, PointsEvery = 1 },
        };
        var each = Train(spec, "each").Events;
        var sparse = spec with { Training = spec.Training with { PointsEvery = 4 } };
        var whole = Train(sparse, "whole").Events;
        for (var epoch = 1; epoch <= 3; epoch++)
        {
            var steps = each.OfType<PointsEvent>().Where(point => point.Step > 10 * (epoch - 1) && point.Step <= 10 * epoch).ToList();
            var told = whole.OfType<EpochEvent>().Single(e => e.Epoch == epoch).Values;
            Assert.Equal(10, steps.Count);
            Assert.Equal(steps.Average(s => s.Values["train/loss_running"]), told["train/loss_epoch_running"], 6);
            Assert.Equal(steps.Average(s => s.Values["train/accuracy_running"]), told["train/accuracy_epoch_running"], 6);
        }
        Assert.False(Train(sparse, "parts", stopAfter: happened => happened is PointsEvent { Step: 16 }).Ended);
        var second = Train(sparse, "parts", resume: true).Events.OfType<EpochEvent>().First();
        Assert.Equal(2, second.Epoch);
        Assert.Equal(
            whole.OfType<EpochEvent>().Single(e => e.Epoch == 2).Values["train/loss_epoch_running"],
            second.Values["train/loss_epoch_running"]);
    }

    [Fact]
    public void A_run_that_is_gone_on_with_at_its_end_has_its_whole_summary_again()
    {
        var first = Assert.IsType<FinishedEvent>(Train(Small, "end").Events[^1]).Summary!;
        File.Delete(Path.Combine(root, "end", "summary.json"));
        var again = Assert.IsType<FinishedEvent>(Train(Small, "end", resume: true).Events[^1]).Summary!;
        Assert.Equal(["test", "train"], again.Splits.Keys.Order());
        Assert.Equal(JsonSerializer.Serialize(first.Splits), JsonSerializer.Serialize(again.Splits));
        Assert.True(File.Exists(Path.Combine(root, "end", "summary.json")));
    }

    [Fact]
    public void A_live_reader_that_stops_reading_holds_up_neither_journal_nor_training()
    {
        var stuck = new ManualResetEventSlim();
        var path = Path.Combine(root, "journal.jsonl");
        using (var writer = new EventWriter(path, (_, _) => stuck.Wait(), TimeProvider.System))
        {
            for (var i = 0; i < 100; i++) writer.Report(new MessageEvent(MessageLevel.Info, $"line {i}"));
            writer.Drain();
            using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            Assert.Equal(100, reader.ReadToEnd().Count(c => c == '\n'));
        }
        stuck.Set();
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0.9)]
    public void A_run_that_is_stopped_and_resumed_ends_bit_for_bit_as_one_that_was_not(double? emaDecay)
    {
        var spec = Small with
        {
            Augmentation = new AugmentationOptions { PadCrop = 2 },
            Training = Small.Training with { EmaDecay = emaDecay },
        };
        var whole = Train(spec, "whole");
        // In the middle of the second epoch, between two points.
        var first = Train(spec, "parts", stopAfter: e => e is PointsEvent { Step: >= 12 });
        Assert.False(first.Ended);
        var stopped = Assert.IsType<StoppedEvent>(first.Events[^1]);
        var rest = Train(spec, "parts", resume: true);
        Assert.True(rest.Ended);
        Assert.Equal(whole.Weights, rest.Weights);
        // Optimizer, averaged weights and whatever else a resumed run needs.
        using var scope = NewDisposeScope();
        var (state, restored) = (StateOf("whole"), StateOf("parts"));
        Assert.Equal(state.Keys.Order(), restored.Keys.Order());
        Assert.Equal(emaDecay is not null, state.Keys.Any(name => name.StartsWith("ema/", StringComparison.Ordinal)));
        Assert.All(state, pair => Assert.True(pair.Value.Equals(restored[pair.Key]), pair.Key));

        // The points of both parts are those of the whole, values included; only speed differs.
        static IEnumerable<(long, double)> Losses(IEnumerable<TrainingEvent> events)
            => events.OfType<PointsEvent>().Select(p => (p.Step, p.Values["train/loss_running"]));
        Assert.Equal(Losses(whole.Events), Losses(first.Events).Concat(Losses(rest.Events)));
        Assert.Equal(stopped.Step, rest.Events.OfType<StartedEvent>().Single().Step);
        Assert.Equal(
            whole.Events.OfType<EpochEvent>().Select(e => JsonSerializer.Serialize(e.Values)),
            first.Events.Concat(rest.Events).OfType<EpochEvent>().Select(e => JsonSerializer.Serialize(e.Values)));
    }

    [Fact]
    public void A_stop_during_an_evaluation_repeats_the_evaluation()
    {
        // The last point of the epoch (step 9 of 9) asks for the stop: all steps are done, the evaluation is not.
        var spec = Small with { Training = Small.Training with { Epochs = 2, PointsEvery = 9 } };
        var whole = Train(spec, "whole");
        var first = Train(spec, "parts", stopAfter: e => e is PointsEvent);
        Assert.Equal(9, Assert.IsType<StoppedEvent>(first.Events[^1]).Step);
        Assert.Empty(first.Events.OfType<EpochEvent>());
        var rest = Train(spec, "parts", resume: true);
        Assert.Equal(whole.Weights, rest.Weights);
        Assert.Equal([1, 2], rest.Events.OfType<EpochEvent>().Select(e => e.Epoch));
    }

    [Fact]
    public void Points_come_every_so_many_steps_whatever_the_epochs_and_their_speed_counts_every_image()
    {
        // 9 steps an epoch, 4 epochs: points at 10, 20 and 30, across the epochs' ends.
        var outcome = Train(Small with { Training = Small.Training with { PointsEvery = 10 } }, "a");
        var points = outcome.Events.OfType<PointsEvent>().ToList();
        Assert.Equal([10L, 20, 30], points.Select(p => p.Step));
        Assert.All(points, p => Assert.True(p.Values["samples_per_second"] > 0));
        // Images over speed is the time of the steps: together no longer than the whole training.
        var seconds = points.Sum(p => 310 / p.Values["samples_per_second"]);
        Assert.InRange(seconds, 0, outcome.Events.OfType<FinishedEvent>().Single().Summary!.TrainSeconds * 1.15);
    }

    [Fact]
    public void A_checkpoint_of_another_spec_is_refused()
    {
        Train(Small, "a", stopAfter: e => e is PointsEvent);
        var other = Small with { Training = Small.Training with { BatchSize = 31 } };
        Assert.Contains("another spec", Assert.Throws<SafeTensorsException>(() => Train(other, "a", resume: true)).Message);
    }

    [Fact]
    public void The_journal_numbers_its_lines_and_has_every_point_before_its_checkpoint()
    {
        Train(Small, "a");
        var lines = File.ReadLines(Path.Combine(root, "a", "metrics.jsonl")).Select(l => JsonDocument.Parse(l).RootElement).ToList();
        Assert.Equal(Enumerable.Range(1, lines.Count).Select(n => (long)n), lines.Select(l => l.GetProperty("n").GetInt64()));
        Assert.Equal("started", lines[0].GetProperty("type").GetString());
        Assert.Equal("finished", lines[^1].GetProperty("type").GetString());
        Assert.Equal(4, lines.Count(l => l.GetProperty("type").GetString() == "epoch"));
    }

    [Theory]
    [InlineData("exp_eps")]
    [InlineData("clip")]
    [InlineData("abs")]
    [InlineData("shift")]
    public void Constrained_weights_are_never_negative_after_any_step_and_the_first_layers_may_be(string kind)
    {
        var spec = Small with
        {
            Convexity = kind switch
            {
                "clip" => new ClipOptions(),
                "abs" => new AbsOptions(),
                "shift" => new ShiftOptions(),
                _ => new ExpEpsOptions(),
            },
            Optimizer = new SgdOptions { Lr = 0.05 },
        };
        manual_seed(0);
        using var network = ModelFactory.Build(spec);
        var constraint = Constraint.Of(spec);
        Assert.Equal(["bn1.weight", "bn2.weight", "fc2.weight", "fc3.weight"], constraint.Covered.Order());
        using var optimizer = new Optimizer(network, spec.Optimizer, constraint);
        for (var step = 0; step < 30; step++)
        {
            using var scope = NewDisposeScope();
            nn.functional.cross_entropy(network.forward(rand([32, 1, 28, 28])), zeros([32], ScalarType.Int64)).backward();
            optimizer.Step(0.05);
            foreach (var (name, parameter) in network.named_parameters().Where(p => constraint.Covered.Contains(p.name)))
                Assert.True(parameter.min().item<float>() >= 0, $"{name} at step {step}");
        }
        Assert.True(network.get_weight("fc1.weight").min().item<float>() < 0);
    }

    [Fact]
    public void The_first_step_throws_half_of_a_default_initialised_layer_into_the_spike()
    {
        // A2 of science.md S1; a clip or an absolute value would not pass.
        manual_seed(1);
        var spec = new Spec { Data = new Cifar10Options(), Convexity = new ExpEpsOptions() };
        using var network = ModelFactory.Build(spec);
        using var optimizer = new Optimizer(network, spec.Optimizer, Constraint.Of(spec));
        using var scope = NewDisposeScope();
        const double lr = 1e-4;
        nn.functional.cross_entropy(network.forward(rand([64, 3, 32, 32])), zeros([64], ScalarType.Int64)).backward();
        optimizer.Step(lr);
        var low = Math.Exp(-5 - 1 / Math.Sqrt(800) - 2 * lr);
        foreach (var name in new[] { "fc2.weight", "fc3.weight", "fc4.weight" })
        {
            var weight = network.get_weight(name);
            var share = (weight.ge(low).sum().item<long>() - weight.gt((float)Math.Exp(-5)).sum().item<long>()) / (double)weight.numel();
            Assert.InRange(share, 0.45, 0.55);
        }
        var first = network.get_weight("fc1.weight");
        var between = first.ge(low).sum().item<long>() - first.gt((float)Math.Exp(-5)).sum().item<long>();
        Assert.InRange(between / (double)first.numel(), 0, 0.02);
    }

    [Fact]
    public void Twins_share_the_initial_weights()
    {
        static string Initial(Spec spec)
        {
            Generator.Default.manual_seed(5);
            using var network = ModelFactory.Build(spec);
            return Checkpoint.WeightsSha256(network);
        }
        Assert.Equal(Initial(Small), Initial(Small with { Convexity = new ExpEpsOptions() }));
    }

    [Fact]
    public void The_built_network_has_the_parameters_that_describe_counts()
    {
        var spec = new Spec { Data = new Cifar10Options() };
        using var network = ModelFactory.Build(spec);
        Assert.Equal(3_752_810, network.parameters().Sum(p => p.numel()));
        Assert.Equal(Description.Of(spec).Parameters, network.parameters().Sum(p => p.numel()));
    }

    [Fact]
    public void An_MLP_memorises_random_labels_and_learns_nothing_from_them()
    {
        var spec = new Spec
        {
            Model = new MlpOptions { Width = 256, Depth = 2 },
            Data = new GlyphsOptions { TrainSize = 300, TestSize = 500 },
            Labels = new RandomLabelOptions(),
            Optimizer = new AdamOptions { Lr = 2e-3 },
            Training = new TrainingOptions { Epochs = 60, BatchSize = 50, StopWhenFitted = true },
        };
        var outcome = Train(spec, "random");
        var last = outcome.Events.OfType<EpochEvent>().Last().Values;
        Assert.Equal(100, last["train/accuracy"]);
        Assert.InRange(last["test/accuracy"], 4, 17);
        Assert.Equal(last["train/accuracy"] - last["test/accuracy"], last["gap"], 9);
        Assert.InRange(outcome.Events.OfType<StartedEvent>().Single().WrongLabels, 0.8, 1);
    }

    [Fact]
    public void Evaluation_is_the_same_twice_and_leaves_the_network_as_it_was()
    {
        Train(Small, "a", inspect: (network, _) =>
        {
            using var scope = NewDisposeScope();
            var module = (nn.Module<Tensor, Tensor>)network;
            module.train();
            using var split = new Split(rand([20, 1, 28, 28]), zeros([20], ScalarType.Int64));
            var before = Checkpoint.WeightsSha256(network);
            var (first, second) = (Evaluation.Of(module, split)!, Evaluation.Of(module, split)!);
            Assert.Equal((first.Loss, first.Accuracy, first.Calibration.Error), (second.Loss, second.Accuracy, second.Calibration.Error));
            Assert.True(network.training);
            Assert.Equal(before, Checkpoint.WeightsSha256(network));
        });
    }

    [Fact]
    public void A_longer_training_keeps_no_more_tensors_than_a_short_one()
    {
        // TorchSharp counts a parameter twice when it is made, and leaves some wrappers to the finalizer; what is alive after that
        // must not grow with the steps.
        long Kept(int epochs)
        {
            var before = LiveTensors.Count();
            Train(Small with { Training = Small.Training with { Epochs = epochs } }, $"{epochs} epochs");
            return LiveTensors.Count() - before;
        }

        Train(Small, "warm");
        Assert.Equal(Kept(epochs: 1), Kept(epochs: 6));
    }

    [Fact]
    public void ZCA_gives_uncorrelated_dimensions()
    {
        using var scope = NewDisposeScope();
        manual_seed(0);
        var images = (rand([500, 12]).mm(rand([12, 12])) * 40).to(ScalarType.Byte);
        var (mean, matrix) = Whitening.Fit(images, 1e-6);
        var white = Whitening.Apply(images, mean, matrix);
        var covariance = white.t().mm(white) / 500;
        Assert.True((covariance - eye(12)).abs().max().item<float>() < 0.05);
    }

    [Fact]
    public void The_gather_kernel_equals_plain_operations()
    {
        using var scope = NewDisposeScope();
        var index = from_array(new long[] { 3, 29, 0, 3 });
        var (scale, shift) = (rand([3]), rand([3]));
        // Whole vectors, and planes that leave a part of one.
        foreach (var side in new[] { 8, 7, 1 })
        {
            var some = (rand([30, 3, side, side]) * 255).to(ScalarType.Byte);
            var difference = Gather.Normalized(some, index, scale, shift) - Gather.Plain(some, index, scale, shift);
            Assert.True(difference.abs().max().item<float>() < 1e-4, $"{side}");
        }
        var images = (rand([30, 3, 8, 8]) * 255).to(ScalarType.Byte);
        Assert.Throws<ArgumentOutOfRangeException>(() => Gather.Normalized(images, from_array(new long[] { 30 }), scale, shift));
    }
}

internal static class NetworkExtensions
{
    public static Tensor get_weight(this nn.Module network, string name)
        => network.named_parameters().Single(p => p.name == name).parameter;
}
