using System.Text.Json;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Engine.Certification;
using ConvexWeb.Training.Engine.Objectives;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Ensembles of convex experts: science.md S7d and T.15.</summary>
[Collection(TorchCollection.Name)]
[Trait("kind", "slow")]
public sealed class EnsembleTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("convexweb-ensemble-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    private static readonly Spec Boost = new()
    {
        Model = new EnsembleBoostOptions { Width = 12, Depth = 2, GateWidth = 10 },
        Convexity = new ExpEpsOptions(),
        Data = new GlyphsOptions { TrainSize = 480, TestSize = 200, Preprocessing = PreprocessingKind.Standardize },
        // Decay must not touch what is frozen, either.
        Optimizer = new AdamWOptions { Lr = 3e-3, WeightDecay = 0.1 },
        Training = new TrainingOptions { Epochs = 12, BatchSize = 16, PointsEvery = 5 },
    };

    private static readonly Spec Em = Boost with
    {
        Model = new EnsembleEmOptions { Width = 12, Depth = 2, GateWidth = 10 },
        Data = new GlyphsOptions { TrainSize = 480, TestSize = 200, Task = GlyphsTask.FiveAndUp },
    };

    private sealed record Outcome(bool Ended, List<TrainingEvent> Events, string Weights, Dictionary<string, float[]> Tensors)
    {
        public IEnumerable<IReadOnlyDictionary<string, double>> Evaluations => Events.OfType<EpochEvent>().Select(e => e.Values);

        public Dictionary<string, float[]> Part(string prefix)
            => Tensors.Where(t => t.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary();
    }

    private TrainingData Prepare(Spec spec, string? keep = null)
    {
        var set = new DatasetStore(root, new Fetcher(new HttpClient())).LoadAsync(spec.Data, null, _ => { }, default).Result;
        return TrainingData.Prepare(spec, set, 1, CPU, root, keep, _ => { });
    }

    private Outcome Train(Spec spec, string name, bool resume = false, long? stopAfter = null)
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, name)).FullName;
        var events = new List<TrainingEvent>();
        using var stop = new CancellationTokenSource();
        using var data = Prepare(spec, folder);
        var journal = Path.Combine(folder, "metrics.jsonl");
        using var writer = new EventWriter(journal, (happened, _) => events.Add(happened), TimeProvider.System)
        {
            OnReport = happened =>
            {
                if (happened is PointsEvent point && point.Step >= stopAfter) stop.Cancel();
            },
        };
        var settings = new TrainerSettings(1, CPU, folder, resume, TimeProvider.System) { VerifyConstraint = true };
        using var trainer = new Trainer(spec, settings, data, writer);
        var ended = trainer.Run(stop.Token);
        writer.Dispose();
        using var scope = NewDisposeScope();
        var tensors = trainer.Network.state_dict().ToDictionary(t => t.Key, t => t.Value.to(ScalarType.Float32).data<float>().ToArray());
        return new(ended, events, Checkpoint.WeightsSha256(trainer.Network), tensors);
    }

    [Fact]
    public void The_gates_shares_sum_to_one_and_weigh_the_experts_probabilities()
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        manual_seed(3);
        using var network = ModelFactory.Build(Em);
        network.eval();
        var images = randn([40, 1, 28, 28]);
        var parts = network.Plan.Ensemble!;
        var shares = Mixtures.LogShares(network.ValuesAt(images, [parts.Gate!.Value], false)[0], 40).exp();
        Assert.All(shares.sum(1).data<float>().ToArray(), sum => Assert.Equal(1, sum, 1e-5));
        Assert.True(shares.std().item<float>() > 1e-3, "the gate looks at the image");

        // The sum written out, from probabilities.
        var animal = cat(network.ValuesAt(images, parts.Experts, false), 1).sigmoid();
        var expected = (shares * animal).sum(1).data<float>().ToArray();
        var output = network.forward(images).exp();
        Assert.All(output.sum(1).data<float>().ToArray(), sum => Assert.Equal(1, sum, 1e-5));
        Assert.All(
            expected.Zip(output.select(1, 1).contiguous().data<float>().ToArray()),
            pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public void The_E_step_equals_an_example_by_hand()
    {
        using var scope = NewDisposeScope();
        // g = (0.5, 0.3, 0.2) and p(y) = (0.9, 0.5, 0.1): products 0.45, 0.15, 0.02, together 0.62.
        var shares = from_array(new[] { 0.5, 0.3, 0.2 }).view(1, 3).log();
        var probabilities = from_array(new[] { 0.9, 0.5, 0.1 }).view(1, 3).log();
        var found = Mixtures.Responsibilities(shares, probabilities).data<double>().ToArray();
        Assert.All(new[] { 0.45 / 0.62, 0.15 / 0.62, 0.02 / 0.62 }.Zip(found), r => Assert.Equal(r.First, r.Second, 1e-12));

        // Logits 0 and ln 3 are probabilities 1/2 and 3/4 of class 1.
        var both = Mixtures.BinaryLogProbabilities(from_array(new[] { 0, Math.Log(3) }).view(1, 2, 1));
        Assert.Equal([0.5, 0.25], Rounded(Mixtures.OfLabels(both, zeros([1], ScalarType.Int64)).exp()));
        Assert.Equal([0.5, 0.75], Rounded(Mixtures.OfLabels(both, ones([1], ScalarType.Int64)).exp()));

        static double[] Rounded(Tensor tensor) => [.. tensor.data<double>().ToArray().Select(v => Math.Round(v, 12))];
    }

    [Fact]
    public void Friedmans_rule_is_SAMME_without_the_logarithm_of_the_classes()
    {
        // One of four is wrong: alpha = ln 3, and the wrong one weighs 3 of 6; whatever the number of classes.
        var (_, alpha, weights) = Boosting.After([1, 1, 1, 1], [false, true, false, false], 10, BoostingRule.Friedman);
        Assert.Equal(Math.Log(3), alpha, 1e-12);
        Assert.All(weights!.Zip([4.0 / 6, 2, 4.0 / 6, 4.0 / 6]), w => Assert.Equal(w.Second, w.First, 1e-12));
        // Half is wrong: with ten classes far better than chance, and yet no weight.
        Assert.Null(Boosting.After([1, 1], [true, false], 10, BoostingRule.Friedman).Weights);
        Assert.NotNull(Boosting.After([1, 1], [true, false], 10, BoostingRule.Samme).Weights);
    }

    [Theory]
    [InlineData(BoostingRule.Samme)]
    [InlineData(BoostingRule.Friedman)]
    public void An_expert_without_an_error_ends_the_boosting(BoostingRule rule)
        => Assert.Equal((0, double.PositiveInfinity, null), Boosting.After([1, 2, 1], [false, false, false], 3, rule));

    [Fact]
    public void The_first_versions_SAMME_goes_on_where_the_other_ends()
    {
        Assert.Equal([1, 2, 1], Boosting.After([1, 2, 1], [false, false, false], 3, BoostingRule.SammeRestart).Weights!);
        Assert.Equal([1, 1, 1], Boosting.After([1, 2, 3], [true, true, true], 3, BoostingRule.SammeRestart).Weights!);
    }

    [Fact]
    public void An_expert_that_is_always_right_ends_the_boosting_once_and_the_run_goes_on()
    {
        var spec = Boost with
        {
            Data = new GlyphsOptions { TrainSize = 20, TestSize = 20, Distortion = 0 },
            Optimizer = new AdamOptions { Lr = 1e-2 },
            Training = Boost.Training with { Epochs = 4 * 30, BatchSize = 10, EvaluateEvery = 30 },
        };
        var outcome = Train(spec, "ends");
        Assert.True(outcome.Ended);
        var said = outcome.Events.OfType<MessageEvent>().Where(m => m.Text.Contains("oosting", StringComparison.Ordinal)).ToList();
        Assert.StartsWith("Boosting ends here: expert 1 makes no error", Assert.Single(said).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void SAMME_equals_an_example_by_hand()
    {
        // One of four is wrong, ten classes: err = 1/4, alpha = ln 3 + ln 9 = ln 27; 27 of 30 falls on the wrong one.
        var (error, alpha, weights) = Boosting.After([1, 1, 1, 1], [false, true, false, false], 10, BoostingRule.Samme);
        Assert.Equal(0.25, error);
        Assert.Equal(Math.Log(27), alpha, 1e-12);
        Assert.All(weights!.Zip([4.0 / 30, 3.6, 4.0 / 30, 4.0 / 30]), w => Assert.Equal(w.Second, w.First, 1e-12));

        // The next expert is right there and wrong on two others: err = 2/30, alpha = ln 14 + ln 9.
        (error, alpha, weights) = Boosting.After(weights!, [true, false, true, false], 10, BoostingRule.Samme);
        Assert.Equal(2.0 / 30, error, 1e-12);
        Assert.Equal(Math.Log(126), alpha, 1e-12);
        Assert.All(
            weights!.Zip([4 * 126.0 / 280, 4 * 27.0 / 280, 4 * 126.0 / 280, 4 / 280.0]),
            w => Assert.Equal(w.Second, w.First, 1e-12));

        Assert.Null(Boosting.After([1, 1], [true, false], 2, BoostingRule.Samme).Weights);
        Assert.Null(Boosting.After([1, 1, 1], [true, true, false], 3, BoostingRule.Samme).Weights);
        Assert.NotNull(Boosting.After([1, 1, 1], [true, true, false], 4, BoostingRule.Samme).Weights);
    }

    [Fact]
    public void Boosting_freezes_its_experts_resumes_bit_for_bit_and_stays_below_its_oracle()
    {
        var whole = Train(Boost, "whole");

        // Stages of 90 steps. One stop in the second expert's stage, one in the gate's.
        var first = Train(Boost, "parts", stopAfter: 110);
        var second = Train(Boost, "parts", resume: true, stopAfter: 290);
        var rest = Train(Boost, "parts", resume: true);
        Assert.Equal([false, false, true], [first.Ended, second.Ended, rest.Ended]);
        Assert.Equal([110L, 290L], [.. new[] { first, second }.Select(part => Assert.IsType<StoppedEvent>(part.Events[^1]).Step)]);
        Assert.Equal(whole.Weights, rest.Weights);
        var parts = first.Evaluations.Concat(second.Evaluations).Concat(rest.Evaluations);
        Assert.Equal(whole.Evaluations.Select(v => JsonSerializer.Serialize(v)), parts.Select(v => JsonSerializer.Serialize(v)));

        // T.15: weights and running statistics of what is frozen, to the last bit; and what is not frozen moves.
        Assert.Equal(first.Part("experts.1."), rest.Part("experts.1."));
        Assert.NotEqual(first.Part("experts.2."), rest.Part("experts.2."));
        Assert.Equal(first.Part("experts.3.fc1."), Initial(Boost, "experts.3.fc1."));
        Assert.Equal(second.Part("experts."), rest.Part("experts."));
        Assert.NotEqual(second.Part("gate."), rest.Part("gate."));
        Assert.Contains("experts.3.bn1.running_var", rest.Part("experts.").Keys);

        // T.15: no choice among experts is better than all of them together; and the figures are not the same for a trivial reason.
        Assert.Equal(12, whole.Evaluations.Count());
        Assert.All(whole.Evaluations, v => Assert.All(new[] { "train", "test" }, split =>
        {
            Assert.True(v[split + "/oracle_accuracy"] >= Math.Max(v[split + "/single_accuracy"], v[split + "/accuracy"]));
            Assert.Equal(v[split + "/expert_1_accuracy"], v[split + "/single_accuracy"]);
        }));
        Assert.All(whole.Evaluations, v => Assert.Equal(1, v["gate/share_1"] + v["gate/share_2"] + v["gate/share_3"], 1e-6));
        var last = whole.Evaluations.Last();
        Assert.True(
            last["test/oracle_accuracy"] > last["test/accuracy"] + 1 && last["test/oracle_accuracy"] > last["test/single_accuracy"] + 1,
            JsonSerializer.Serialize(last));
        Assert.True(
            last["test/single_accuracy"] > 25 && last["train/expert_2_accuracy"] > 25 && last["train/expert_3_accuracy"] > 20,
            "every expert has learned something");
        Assert.True(whole.Evaluations.First()["test/expert_3_accuracy"] < 25, "the third has not begun in the first epoch");

        // The best checkpoint is one of the whole ensemble.
        Assert.InRange(whole.Events.OfType<FinishedEvent>().Single().Summary!.BestEpoch, 10, 12);
        // Behind the third expert no image is weighed any more.
        Assert.Equal(2, whole.Events.OfType<MessageEvent>()
            .Count(m => m.Text.Contains("weighted training images", StringComparison.Ordinal)));

        // The constraint held after every step (the trainer fails otherwise), and only where it should.
        Assert.All(Constraint.Of(Boost).Covered, name => Assert.StartsWith("experts.", name));
        Assert.True(whole.Tensors["gate.fc1.weight"].Min() < 0 && whole.Tensors["gate.fc2.weight"].Min() < 0
            && whole.Tensors["experts.2.fc1.weight"].Min() < 0);
        Assert.True(whole.Tensors["experts.2.fc2.weight"].Min() >= 0);
    }

    [Fact]
    public void The_first_boosted_expert_is_the_single_network()
    {
        // All weights are 1 in its stage, and it starts from the same random numbers: the losses differ by rounding alone.
        var first = Boost with
        {
            Model = new MlpOptions { Width = 12, Depth = 2 },
            Training = Boost.Training with { Epochs = 3 },
        };
        var single = Train(first, "single");
        var boosted = Train(Boost, "boosted", stopAfter: 95);
        foreach (var (one, expert) in single.Evaluations.Zip(boosted.Evaluations))
            Assert.All(
                new[] { "train", "test" },
                split => Assert.Equal(one[split + "/accuracy"], expert[split + "/expert_1_accuracy"], 1.5));
        Assert.True(single.Evaluations.Last()["train/accuracy"] > 40);
    }

    [Fact]
    public void EM_raises_the_mixtures_likelihood_and_its_clusters_are_shares_of_the_mean_image()
    {
        var spec = Em with { Training = Em.Training with { Epochs = 10 } };
        var whole = Train(spec, "em");
        var losses = whole.Evaluations.Select(v => v["train/loss"]).ToList();
        Assert.True(losses[0] < 0.75 && losses[^1] < 0.85 * losses[0], string.Join(' ', losses));
        // The gate's epochs alone raise it, too.
        Assert.True(Enumerable.Range(0, 5).Count(i => losses[2 * i + 1] < losses[2 * i]) >= 4, string.Join(' ', losses));
        Assert.All(whole.Evaluations, v =>
            Assert.True(v["test/oracle_accuracy"] >= Math.Max(v["test/single_accuracy"], v["test/accuracy"])));
        Assert.InRange(whole.Evaluations.Last()["gate/entropy"], 0, Math.Log(3) - 1e-3);
        Assert.True(whole.Tensors["gate.fc2.weight"].Min() < 0);

        var first = Train(spec, "em-parts", stopAfter: 45);
        Assert.False(first.Ended);
        Assert.Equal(whole.Weights, Train(spec, "em-parts", resume: true).Weights);

        using var scope = NewDisposeScope();
        var (tensors, _) = SafeTensors.Load(Path.Combine(root, "em", "clusters.safetensors"));
        var (clusters, shares) = (tensors["clusters"], tensors["shares"]);
        Assert.Equal([3, 1, 28, 28], clusters.shape);
        var pictures = Assert.IsType<FinishedEvent>(whole.Events[^1]).Summary!.Clusters!;
        Assert.Equal(shares.data<float>().ToArray(), pictures.Select(p => (float)p.Share));
        var bmp = Convert.FromBase64String(pictures[1].Bmp);
        Assert.Equal(("BM", 54 + 84 * 28), (System.Text.Encoding.ASCII.GetString(bmp, 0, 2), bmp.Length));
        // The upper left pixel stands in the last row; grey, so its three bytes are equal.
        Assert.Equal(Math.Round(255 * clusters.select(0, 1).flatten().data<float>().ToArray()[5 * 28 + 9]), bmp[54 + 84 * 22 + 27], 0);
        Assert.Equal(1, shares.sum().item<float>(), 1e-5);
        using var data = Prepare(spec);
        var mean = data.Pixels!.to(ScalarType.Float32).mean([0]) / 255.0;
        Assert.True(((clusters * shares.view(3, 1, 1, 1)).sum([0]) - mean).abs().max().item<float>() < 1e-5);
        var apart = (clusters.select(0, 0) - clusters.select(0, 1)).abs().max().item<float>();
        Assert.True(apart > 0.01, "experts look after different images");
    }

    [Fact]
    public void Experts_and_gate_of_a_mixture_train_in_turn()
    {
        using var scope = NewDisposeScope();
        using var data = Prepare(Em);
        using var network = ModelFactory.Build(Em);
        using var objective = Objective.Of(Em, network, data, (_, _) => { });
        for (var epoch = 0; epoch < 4; epoch++)
        {
            var (images, labels) = data.Train.Slice(0, 32);
            var before = network.state_dict()["experts.1.bn1.running_mean"].clone();
            var (loss, _) = objective.Of(new TrainingBatch(images, labels, labels), arange(32, ScalarType.Int64), epoch);
            loss.backward();
            var trained = epoch % 2 == 0 ? "experts." : "gate.";
            Assert.All(network.named_parameters(), p =>
                Assert.Equal(p.name.StartsWith(trained, StringComparison.Ordinal), p.parameter.grad is not null));
            Assert.Equal(epoch % 2 == 0, (network.state_dict()["experts.1.bn1.running_mean"] - before).abs().max().item<float>() > 0);
            foreach (var (_, parameter) in network.named_parameters()) parameter.grad = null;
        }
    }

    [Fact]
    public void A_part_that_begins_late_takes_its_first_Adam_step_as_any_first_step()
    {
        using var scope = NewDisposeScope();
        using var network = ModelFactory.Build(Em);
        foreach (var fused in new[] { true, false })
        {
            var adam = new AdamOptions { Beta1 = 0.9, Beta2 = 0.999, Eps = 1e-8, WeightDecay = 0 };
            var free = new Constraint(ConstraintKind.Free, 0, new HashSet<string>());
            using var optimizer = new Optimizer(network, adam, free, fused);
            var (early, late) = (network.get_weight("experts.1.fc1.bias"), network.get_weight("gate.fc1.bias"));
            for (var step = 0; step < 20; step++)
            {
                early.sum().backward();
                optimizer.Step(1e-3);
            }
            var before = late.detach().clone();
            late.sum().backward();
            optimizer.Step(1e-3);
            // Both moments corrected: gradient over its own size is 1.
            Assert.Equal(1e-3, (before - late).max().item<float>(), 1e-6);
            Assert.Equal(
                (21, 20, 1),
                (optimizer.Steps, optimizer.FewerSteps!["experts.1.fc1.bias"], optimizer.FewerSteps!["gate.fc1.bias"]));
        }
    }

    [Fact]
    public void Parameter_counts_follow_from_the_parts()
    {
        var data = DatasetInfo.Of(new Cifar10Options { Task = Cifar10Task.Animal }).Input;
        // S2 with one output instead of ten: 9·801 fewer.
        const long Expert = 3_752_810 - 9 * 801;
        Assert.Equal(Expert, Count(new EnsembleEmOptions { Experts = 1 }, data));
        Assert.Equal(5 * Expert + 3073 * 800 + 801 * 5, Count(new EnsembleEmOptions { Experts = 5 }, data));
        var classes = DatasetInfo.Of(new Cifar10Options()).Input;
        Assert.Equal(3 * 3_752_810 + 3073 * 100 + 101 * 3, Count(new EnsembleBoostOptions(), classes));
        var allConvGate = (27 * 32 + 32) + (9 * 32 * 64 + 64) + (9 * 64 * 64 + 64) + 65 * 3;
        Assert.Equal(
            3 * 1_369_738 + allConvGate,
            Count(new EnsembleBoostOptions { Expert = PartKind.Allconv, Gate = PartKind.Allconv }, classes));
        // Gate: 3×3 to 16; 6 layers of 12 with BatchNorm, twice; a transition at 88; BatchNorm and Linear at 160.
        long Block(long from) => Enumerable.Range(0, 6).Sum(l => 2 * (from + 12 * l) + 9 * 12 * (from + 12 * l));
        var gate = 27 * 16 + Block(16) + 2 * 88 + 88 * 88 + Block(88) + 2 * 160 + 160 * 3 + 3;
        Assert.Equal(3 * 769_162 + gate, Count(new EnsembleBoostOptions { Expert = PartKind.Densenet, Gate = PartKind.Densenet }, classes));

        static long Count(ModelOptions model, ImageInput data)
            => model.Plan(new ExpEpsOptions(), data).Steps.SelectMany(s => s.Tensors).Sum(t => t.Count);
    }

    [Fact]
    public void Every_expert_is_convex_and_the_whole_says_why_it_is_not()
    {
        using var scope = NewDisposeScope();
        var large = new EnsembleBoostOptions
        {
            Expert = PartKind.Densenet,
            Variant = DenseNetVariant.Bc40_12,
            Gate = PartKind.Allconv,
            GateWidth = 8,
        };
        foreach (var spec in new[] { Em, Boost, Boost with { Model = large } })
        {
            var plan = ModelFactory.PlanOf(spec);
            Assert.All(plan.Ensemble!.Experts, place => Assert.Equal(Standing.Convex, plan.ValueAt(place).Standing));
            Assert.Equal(Standing.Unknown, plan.Output.Standing);
            Assert.Contains("each expert by itself can be convex", plan.Steps[^1].Breaks);
        }
        manual_seed(5);
        using var network = ModelFactory.Build(Boost);
        var constraint = Constraint.Of(Boost);
        using (no_grad())
            foreach (var (name, parameter) in network.named_parameters())
                Constraint.Apply(parameter, constraint.OperatorOf(name), constraint.Eps);
        var certificate = Certifier.Certify(Boost, network, randn([30, 1, 28, 28]), 1, 40);
        Assert.Contains(certificate.Verdict, new[] { Verdict.NotConvex, Verdict.NotProved });
        Assert.Contains("selection", certificate.Structure.Broken);
        var experts = certificate.Structure.Tree.Single(n => n.Name == "experts");
        Assert.Equal(3, experts.Children.Count);
        Assert.All(experts.Children, e => Assert.Equal((Standing.Convex, false), (e.Standing, e.Breaks)));
    }

    [Fact]
    public void A_task_of_two_classes_maps_the_labels()
    {
        using var ten = Prepare(Boost);
        using var two = Prepare(Em);
        Assert.Equal(ten.Train.Labels.data<long>().ToArray().Select(l => l >= 5 ? 1L : 0), two.Train.Labels.data<long>().ToArray());
        Assert.Equal(240, two.Train.Labels.sum().item<long>());
        Assert.Equal(2, DatasetInfo.Of(Em.Data).Classes);
        Assert.Equal([2, 3, 4, 5, 6, 7], new Cifar10Options { Task = Cifar10Task.Animal }.Positive);
        Assert.Null(new Cifar10Options().Positive);
        Assert.Null(ten.Pixels);
    }

    [Fact]
    public void Rules_say_in_one_sentence_what_an_ensemble_needs()
    {
        Assert.Empty(SpecRules.Check(Boost).Concat(SpecRules.Check(Em)));
        Fails(Em with { Data = new GlyphsOptions() }, "data.task", "five_and_up");
        Fails(Em with { Data = new Cifar10Options() }, "data.task", "animal");
        Fails(Em with { Data = new MnistOptions() }, "data.name", "two classes");
        Fails(Boost with { Training = Boost.Training with { Epochs = 10 } }, "training.epochs", "multiple of 4");
        Fails(Boost with { Training = Boost.Training with { StopWhenFitted = true } }, "training.stop_when_fitted", "untrained");
        Fails(Boost with { Training = Boost.Training with { StopBelowLoss = 0.1 } }, "training.stop_below_loss", "untrained");
        Fails(Boost with { Training = Boost.Training with { LabelSmoothing = 0.1 } }, "training.label_smoothing", "must be 0");
        Fails(Boost with { Schedule = new PlateauScheduleOptions() }, "schedule.name", "plateau");
        // The schedule runs in each stage of three epochs.
        Fails(Boost with { Schedule = new MultiStepScheduleOptions { Milestones = [3] } }, "schedule.milestones", "stage, 3");
        Assert.Empty(SpecRules.Check(Boost with { Schedule = new MultiStepScheduleOptions { Milestones = [2] } }));

        static void Fails(Spec spec, string path, string words)
        {
            var problem = Assert.Single(SpecRules.Check(spec));
            Assert.Equal(path, problem.Path);
            Assert.Contains(words, problem.Message);
        }
    }

    private static Dictionary<string, float[]> Initial(Spec spec, string prefix)
    {
        using var scope = NewDisposeScope();
        Generator.Default.manual_seed(RandomStreams.Init(1));
        using var network = ModelFactory.Build(spec);
        return network.state_dict().Where(t => t.Key.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(t => t.Key, t => t.Value.data<float>().ToArray());
    }
}
