using ConvexWeb.Tests.Training.Models;
using ConvexWeb.Training.Annealing;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Engine.Metrics;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Schedules;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>The measurements of science.md M, against numbers worked out by hand.</summary>
[Collection(TorchCollection.Name)]
public sealed class MetricsTests
{
    // Rows true, columns predicted; class 2 is never predicted.
    private static readonly ConfusionMatrix Matrix = new([[5, 1, 0], [2, 6, 0], [1, 1, 0]]);

    [Fact]
    public void Figures_of_a_confusion_matrix()
    {
        Assert.Equal(11 / 16.0, Matrix.Accuracy, 12);
        Assert.Equal([5 / 8.0, 6 / 8.0, 0], Matrix.Precision);
        Assert.Equal([5 / 6.0, 6 / 8.0, 0], Matrix.Recall);
        Assert.Equal((5 / 6.0 + 0.75) / 3, Matrix.MacroRecall, 12);
        var (f0, f1) = (2 * 0.625 * (5 / 6.0) / (0.625 + 5 / 6.0), 0.75);
        Assert.Equal((f0 + f1) / 3, Matrix.MacroF, 12);
        Assert.Equal((6 * f0 + 8 * f1) / 16, Matrix.WeightedF, 12);
        Assert.Equal([2], Matrix.Undefined);
        // Specificities: (16−6−8+5)/10, (16−8−8+6)/8, 14/14.
        Assert.Equal((5 / 6.0 + 0.7 - 1 + 0.75 + 0.75 - 1 + 0 + 1 - 1) / 3, Matrix.Youden, 12);
        // (11·16 − (6·8 + 8·8)) / √((16² − 104)(16² − 128))
        Assert.Equal((176 - 112) / Math.Sqrt(152.0 * 128), Matrix.Matthews, 12);
    }

    [Fact]
    public void Calibration_weighs_bins_by_their_counts()
    {
        var counts = new double[15];
        var confidences = new double[15];
        var correct = new double[15];
        (counts[14], confidences[14], correct[14]) = (3, 2.94, 3);
        (counts[7], confidences[7], correct[7]) = (1, 0.5, 0);
        // Of ten bins, the same images are in the last one and in (0.4, 0.5].
        var ten = Calibration.BinsOf(
            [0, 0, 0, 0, 1, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0.5, 0, 0, 0, 0, 2.94], [0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
        var calibration = new Calibration(Calibration.BinsOf(counts, confidences, correct), ten);
        Assert.Equal((3 * 0.02 + 0.5) / 4, calibration.Error, 12);
        Assert.Equal(0.52, calibration.PlainSum, 12);
        // The middles of the eight without images: 0.05, 0.15, 0.25, 0.35, 0.55, 0.65, 0.75 and 0.85.
        Assert.Equal(0.52 + 3.6, calibration.PlainSumOfAll, 12);
        Assert.Equal(7 / 15.0, calibration.Bins[7].Low, 12);
    }

    [Fact]
    public void An_evaluation_counts_confusions_confidences_and_memory()
    {
        using var scope = NewDisposeScope();
        // A network that is the identity: the images are the logits.
        using var network = new Identity();
        var logits = from_array(new[] { 3f, 0, 0, 0, 2, 0, 0, 0, 1, 4, 0, 0 }).view(4, 3);
        using var split = new Split(logits, from_array(new long[] { 0, 0, 2, 1 })).WithTruth(from_array(new long[] { 0, 1, 2, 0 }));
        var evaluation = Evaluation.Of(network, split, labelSmoothing: 0.1)!;
        Assert.Equal(50, evaluation.Accuracy);
        Assert.Equal([[1L, 1, 0], [1, 0, 0], [0, 0, 1]], evaluation.Confusion.Counts);
        Assert.True(evaluation.Objective > evaluation.Loss);
        // Labels 1 and 3 are wrong: neither is fitted, both are recovered as the truth; both clean ones are right.
        Assert.Equal(new Memorisation(0, 100, 100), evaluation.Noise);
        double[] confidences = [Top(3), Top(2), Top(1), Top(4)];
        double[] right = [1, 0, 1, 0];
        Assert.Equal(confidences.Zip(right, (c, r) => Math.Abs(r - c)).Sum() / 4, evaluation.Calibration.Error, 6);

        static double Top(double logit) => Math.Exp(logit) / (Math.Exp(logit) + 2);
    }

    [Theory]
    [InlineData(10, 0.5003)]
    [InlineData(100, 0.7778)]
    public void A_smoothed_loss_never_falls_below_its_floor(int classes, double floor)
    {
        // T.14: the best possible prediction is the smoothed target itself.
        using var scope = NewDisposeScope();
        var target = full([1, classes], 0.1 / classes, ScalarType.Float64);
        target.narrow(1, 3, 1).add_(0.9);
        var label = from_array(new long[] { 3 });
        double Loss(Tensor logits) => nn.functional.cross_entropy(logits, label, label_smoothing: 0.1).item<double>();
        Assert.Equal(floor, Loss(target.log()), 4);
        manual_seed(1);
        for (var i = 0; i < 50; i++) Assert.True(Loss(target.log() + randn([1, classes], ScalarType.Float64) * 0.5) > floor);
        Assert.True(nn.functional.cross_entropy(target.log(), label).item<double>() < floor, "the plain loss has no such floor");
    }

    [Fact]
    public void A_plateau_lowers_the_rate_after_its_patience_and_no_further_than_its_floor()
    {
        var options = new PlateauScheduleOptions { Gamma = 0.1, Patience = 2, MinFactor = 0.05 };
        var state = new Plateau();
        var factors = new List<double>();
        foreach (var loss in new[] { 1.0, 0.8, 0.8, 0.79995, 0.9, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7 })
            factors.Add((state = state.After(loss, options)).Factor);
        Assert.Equal([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05], factors);
    }

    [Fact]
    public void Averaged_weights_follow_and_stay_non_negative()
    {
        using var scope = NewDisposeScope();
        var spec = new Spec { Model = new MlpOptions { Width = 16 }, Convexity = new ExpEpsOptions() };
        manual_seed(2);
        using var network = ModelFactory.Build(spec);
        var weight = network.get_weight("fc2.weight");
        using (no_grad()) weight.fill_(1);
        using var average = new AveragedWeights(network, Constraint.Of(spec), 0.9);
        using (no_grad()) weight.fill_(2);
        average.Step();
        average.Step();
        // 1 → 1.1 → 1.19.
        Assert.Equal(1.19, average.With(() => (double)weight.max().item<float>()), 5);
        Assert.Equal(2, weight.max().item<float>());
        Assert.True(average.State().Single(s => s.Name == "ema/fc2.weight").Value.min().item<float>() >= 0);
    }

    [Fact]
    public void Averaged_weights_leave_an_angle_to_its_schedule()
    {
        using var scope = NewDisposeScope();
        var spec = new Spec { Model = new AnnealCnnOptions(), Annealing = new ConstantAnnealingOptions() };
        using var network = ModelFactory.Build(spec);
        using var average = new AveragedWeights(network, Constraint.Of(spec), 0.999);
        network.SetAngle(0.5);
        average.Step();
        Assert.Equal(0.5, average.With(() => network.Angles().Single().Value.item<float>()), 6);
        Assert.DoesNotContain(average.State(), tensor => tensor.Name.EndsWith("angle", StringComparison.Ordinal));
        // A trained one is a weight.
        using var trained = ModelFactory.Build(spec with { Model = new AnnealCnnOptions { Theta = AnnealAngle.Shared } });
        using var both = new AveragedWeights(trained, Constraint.Of(spec), 0.999);
        Assert.Contains(both.State(), tensor => tensor.Name.EndsWith("angle", StringComparison.Ordinal));
    }

    [Fact]
    public void Norms_are_of_the_weights_as_they_act()
    {
        using var scope = NewDisposeScope();
        var spec = new Spec { Model = new MlpOptions { Width = 16 }, Convexity = new SoftplusReparamOptions() };
        using var network = ModelFactory.Build(spec);
        var initial = network.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach().clone());
        var constraint = Constraint.Of(spec);
        var values = new Dictionary<string, double>();
        ConstraintMetrics.AddNorms(values, network, constraint, initial);
        var layers = LayerStatistics.Of(network, constraint, initial).Where(l => l.Name.StartsWith("fc", StringComparison.Ordinal));
        Assert.Equal(Math.Sqrt(layers.Sum(l => l.Frobenius * l.Frobenius)), values["weights/l2"], 3);
        Assert.Equal(0, values["weights/from_init"]);
    }

    [Theory]
    [InlineData("exp_eps")]
    [InlineData("clip")]
    public void Averaged_weights_of_a_constrained_network_are_non_negative_from_its_very_start(string constraint)
    {
        using var scope = NewDisposeScope();
        var spec = new Spec
        {
            Model = new MlpOptions { Width = 16 },
            Convexity = constraint == "clip" ? new ClipOptions() : new ExpEpsOptions(),
        };
        manual_seed(2);
        using var network = ModelFactory.Build(spec);
        Assert.True(network.get_weight("fc2.weight").min().item<float>() < 0, "the default start has both signs");
        using var average = new AveragedWeights(network, Constraint.Of(spec), 0.9999);
        var start = average.State().ToDictionary(s => s.Name, s => s.Value);
        Assert.True(start["ema/fc2.weight"].min().item<float>() >= 0);
        Assert.True(start["ema/fc1.weight"].min().item<float>() < 0, "the first layer is free");
    }

    [Fact]
    public void A_network_that_has_diverged_is_evaluated_all_the_same()
    {
        using var scope = NewDisposeScope();
        using var network = new Identity();
        var logits = from_array(new[] { 3f, 0, 0, float.NaN, float.NaN, float.NaN, float.PositiveInfinity, 0, 0 }).view(3, 3);
        using var split = new Split(logits, from_array(new long[] { 0, 1, 0 }));
        var evaluation = Evaluation.Of(network, split)!;
        Assert.True(double.IsNaN(evaluation.Loss));
        Assert.Equal(3, evaluation.Confusion.Counts.Sum(row => row.Sum()));
        Assert.Equal(1, evaluation.Calibration.Bins.Sum(b => b.Count));
        Assert.True(double.IsFinite(evaluation.Calibration.Error));
    }

    [Fact]
    public void Layer_statistics_measure_the_weights_and_their_largest_singular_value()
    {
        using var scope = NewDisposeScope();
        var spec = new Spec { Model = new MlpOptions { Width = 20, Depth = 1 }, Data = new GlyphsOptions() };
        manual_seed(3);
        using var network = ModelFactory.Build(spec);
        var initial = network.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach().clone());
        using (no_grad())
        {
            network.get_weight("fc2.weight").zero_();
            network.get_weight("fc2.weight").narrow(0, 0, 1).narrow(1, 0, 1).fill_(-3);
            network.get_weight("fc2.weight").narrow(0, 1, 1).narrow(1, 1, 1).fill_(2);
        }
        var layers = LayerStatistics.Of(network, Constraint.Of(spec), initial);
        Assert.Equal(["fc1.weight", "fc2.weight"], layers.Select(l => l.Name));
        var last = layers[1];
        Assert.Equal((200, 2, 5.0, -3.0, 2.0), (last.Count, last.NonZeros, last.L1, last.Min, last.Max));
        Assert.Equal(Math.Sqrt(13), last.Frobenius, 6);
        Assert.Equal(3, last.Spectral!.Value, 3);
        Assert.Equal(0, layers[0].FromInit);
        Assert.True(last.FromInit > 3);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(1, 8)]
    public void N7_a_convolutions_largest_singular_value_is_that_of_its_whole_matrix(int stride, int groups)
    {
        using var scope = NewDisposeScope();
        var plan = new Plan([8, 9, 9], new NoConvexityOptions());
        plan.Conv2d("conv", plan.Input, 8, 3, stride, 1, groups);
        manual_seed(5);
        using var network = new PlanNetwork(plan);
        var found = SpectralNorm.Of(network, 0);
        using var quiet = no_grad();
        // The map's columns: what it makes of each unit vector.
        var matrix = network.LinearPart(0, eye(8 * 81).view(-1, 8, 9, 9)).flatten(1).to(ScalarType.Float64);
        var exact = linalg.svdvals(matrix)[0].item<double>();
        Assert.True(found.IsConverged);
        Assert.Equal(exact, found.Value, 2e-4 * exact);
    }

    [Trait("kind", "slow")]
    [Theory]
    [MemberData(nameof(PlanNetworkTests.AllModels), MemberType = typeof(PlanNetworkTests))]
    public void Layer_statistics_exist_for_every_layer_of_every_model(string name)
    {
        using var scope = NewDisposeScope();
        var spec = new Spec { Model = PlanTests.Model(name), Data = new Cifar10Options(), Convexity = new ExpEpsOptions() };
        manual_seed(4);
        using var network = ModelFactory.Build(spec);
        var initial = network.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach().clone());
        foreach (var layer in LayerStatistics.Of(network, Constraint.Of(spec), initial))
        {
            if (layer.Spectral is not { } spectral) continue;
            var shape = initial[layer.Name].shape;
            if (shape.Length != 2) Assert.InRange(spectral, 1e-6, 1e6);
            // Of a matrix: between its Frobenius norm spread evenly over all its directions, and that norm itself.
            else Assert.InRange(spectral, 0.99 * layer.Frobenius / Math.Sqrt(shape.Min()), 1.0001 * layer.Frobenius);
        }
    }

    private sealed class Identity() : nn.Module<Tensor, Tensor>("identity")
    {
        public override Tensor forward(Tensor input) => input;
    }
}
