using ConvexWeb.Training.Annealing;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Convexity annealing: science.md S13.9 and T.9.</summary>
[Collection(TorchCollection.Name)]
public sealed class AnnealingTests
{
    private const double Quarter = Math.PI / 4;
    private static readonly ImageInput Digits = new(1, 28, 28, 10);

    [Theory]
    [InlineData(0)]
    [InlineData(Math.PI / 8)]
    [InlineData(Quarter)]
    public void T9_The_activation_is_the_maximum_of_x_and_x_tan_theta(double theta)
    {
        using var scope = NewDisposeScope();
        var x = linspace(-3, 3, 6001, ScalarType.Float64);
        var y = Execution.Run(new SlopeOperation("a", 0, 1), [x, full([1], theta, ScalarType.Float64)], [], [], new(Training: false));
        Assert.True((y - maximum(x * Math.Tan(theta), x)).abs().max().item<double>() < 1e-7);
    }

    [Fact]
    public void At_zero_the_gradient_is_the_slopes_and_not_a_half()
    {
        using var scope = NewDisposeScope();
        var x = zeros([3], requires_grad: true);
        Execution.Run(new SlopeOperation("a", 0, 1), [x, zeros(1)], [], [], new(Training: true)).sum().backward();
        Assert.Equal([0, 0, 0], x.grad!.data<float>().ToArray());
    }

    [Theory]
    [InlineData(AnnealPooling.None, Quarter, true)]
    [InlineData(AnnealPooling.Between, Quarter, false)]
    [InlineData(AnnealPooling.None, 0.5, false)]
    public void T9_The_network_is_affine_at_a_quarter_of_pi_and_without_pools_only(AnnealPooling pooling, double theta, bool isAffine)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        manual_seed(1);
        using var network = new PlanNetwork(new AnnealCnnOptions { Pooling = pooling }.Plan(new NoConvexityOptions(), Digits));
        TorchSharp.ModuleExtensionMethods.to(network, ScalarType.Float64);
        network.SetAngle(theta);
        network.eval();
        var (x, y, z) = (Draw(), Draw(), Draw());
        var together = network.forward(0.7 * x + 0.6 * y - 0.3 * z);
        var apart = 0.7 * network.forward(x) + 0.6 * network.forward(y) - 0.3 * network.forward(z);
        var difference = ((together - apart).abs() / (1 + together.abs() + apart.abs())).max().item<double>();
        if (isAffine) Assert.True(difference < 1e-9, $"{difference}");
        else Assert.True(difference > 1e-4, $"{difference}");

        static Tensor Draw() => randn([20, 1, 28, 28], ScalarType.Float64);
    }

    [Fact]
    public void Schedules_are_their_formulas()
    {
        static double[] Of(AnnealingOptions options, int epochs)
            => [.. Enumerable.Range(0, epochs).Select(e => options.AngleAt(e, epochs, new()) / Quarter)];
        Near([1, 0.75, 0.5, 0.25], Of(new LinearAnnealingOptions(), 4));
        Near([1, 2.0 / 3, 1.0 / 3, 0], Of(new LinearAnnealingOptions { ReachZero = true }, 4));
        Near([1, 0.5, 0, 0], Of(new LinearAnnealingOptions { AnnealEpochs = 2 }, 4));
        Near([1, 0.5, 1 - Math.Sqrt(0.5), 1 - Math.Sqrt(0.75)], Of(new SqrtAnnealingOptions(), 4));
        Near([1, Math.Sqrt(0.75), Math.Sqrt(0.5), 0.5], Of(new RootAnnealingOptions(), 4));
        Near([1, 0.5625, 0.25, 0.0625], Of(new PowerAnnealingOptions(), 4));
        Near([0.5 / Quarter, 0.5 / Quarter], Of(new ConstantAnnealingOptions { Theta = 0.5 }, 2));
        Assert.Equal(0.25, LearningRate.Factor(new InverseScheduleOptions(), 35, 10, 100), 12);
        Assert.Equal(0.97, LearningRate.Factor(new LinearScheduleOptions(), 35, 10, 100), 12);

        static void Near(double[] expected, double[] actual)
        {
            Assert.Equal(expected.Length, actual.Length);
            foreach (var (one, other) in expected.Zip(actual)) Assert.Equal(one, other, 12);
        }
    }

    [Fact]
    public void Staged_annealing_steps_when_the_validation_loss_stops_falling_and_ends_at_zero()
    {
        var options = new StagedAnnealingOptions { Stages = 2, Patience = 2 };
        var stage = new AnnealingStage();
        var angles = new List<double>();
        foreach (var loss in new[] { 1.0, 0.9, 0.95, 0.95, 0.5, 0.6, 0.6, 0.4, 0.5, 0.5 })
        {
            angles.Add(options.AngleAt(0, 100, stage) / Quarter);
            stage = stage.After(loss, options, angles.Count, 100);
        }
        Assert.Equal([1, 1, 1, 1, 0.5, 0.5, 0.5, 0, 0, 0], angles);
    }

    [Theory]
    [InlineData(15, null, 2, null)]
    [InlineData(100, null, 8, null)]
    [InlineData(10, 3, 3, 2)]
    public void Staged_annealing_ends_at_zero_although_the_validation_loss_falls_in_every_epoch(
        int epochs, int? given, int stages, int? longest)
    {
        var options = new StagedAnnealingOptions { Stages = given, StageEpochs = longest };
        var stage = new AnnealingStage();
        var angles = new List<double>();
        for (var epoch = 1; epoch <= epochs; epoch++)
        {
            angles.Add(options.AngleAt(0, epochs, stage) / Quarter);
            stage = stage.After(1.0 / epoch, options, epoch, epochs);
        }
        Assert.Equal(1, angles[0]);
        Assert.Equal(0, angles[^1]);
        Assert.Equal(stages + 1, angles.Distinct().Count());
    }

    // In float32 π/4 is above π/4, and tan of it above 1.
    [Fact]
    public void An_angle_of_a_quarter_of_pi_in_float32_is_still_the_identity()
    {
        using var scope = NewDisposeScope();
        var x = linspace(-3, 3, 101, ScalarType.Float64);
        var angle = full([1], (float)Quarter, ScalarType.Float32).to(ScalarType.Float64);
        Assert.True(angle.tan().item<double>() > 1);
        Assert.True(Run(angle).equal(x).all().item<bool>());
        Assert.True(Run(angle.detach().requires_grad_(true)).equal(x).all().item<bool>());

        Tensor Run(Tensor theta) => Execution.Run(new SlopeOperation("a", 0, 1), [x, theta], [], [], new(Training: false));
    }

    [Fact]
    public void Theta_zero_trains_what_ReLU_trains_in_every_value()
    {
        var annealed = new AnnealCnnOptions().Plan(new NoConvexityOptions(), Digits);
        var plain = new Plan(Digits.Shape, new NoConvexityOptions()) { Initialisation = Initialisation.GlorotUniform };
        var x = plain.ChannelsLast("layout", plain.Input);
        for (var i = 1; i <= 3; i++)
        {
            x = plain.Conv2d($"conv{i}", x, 16, i == 1 ? 4 : 3);
            if (i < 3) x = plain.MaxPool($"pool{i}", x, 2, 2);
            x = plain.Activation($"act{i}", x, ActivationFunction.Relu);
        }
        plain.Linear("fc", plain.Flatten("flatten", x), 10);
        var (first, second) = (Steps(annealed), Steps(plain));
        foreach (var (name, value) in second) Assert.Equal(value, first[name]);

        static Dictionary<string, float[]> Steps(Plan plan)
        {
            using var scope = NewDisposeScope();
            manual_seed(11);
            using var network = new PlanNetwork(plan);
            using var optimizer = new Optimizer(network, new AdamOptions { Lr = 1e-3 }, Constraint.Of(new NoConvexityOptions(), []));
            for (var step = 0; step < 5; step++)
            {
                manual_seed(100 + step);
                var images = rand([32, 1, 28, 28]) * (rand([32, 1, 28, 28]) > 0.6); // ties at 0 are common in digits
                nn.functional.cross_entropy(network.forward(images), arange(32, ScalarType.Int64) % 10).backward();
                optimizer.Step(1e-3);
            }
            return network.named_parameters().ToDictionary(p => p.name, p => p.parameter.flatten().data<float>().ToArray());
        }
    }

    [Theory]
    [InlineData(AnnealAngle.Shared, 1)]
    [InlineData(AnnealAngle.PerLayer, 3)]
    [InlineData(AnnealAngle.PerNeuron, 2848)]
    public void Trained_angles_are_as_many_as_there_should_be_and_move(AnnealAngle mode, long count)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        using var network = new PlanNetwork(new AnnealCnnOptions { Theta = mode }.Plan(new NoConvexityOptions(), Digits));
        var angles = network.named_parameters().Where(p => p.name.EndsWith(".angle", StringComparison.Ordinal)).ToList();
        Assert.Equal(count, angles.Sum(a => a.parameter.numel()));
        // The rate of an angle stays where the schedule lets the others fall to nothing.
        using var optimizer = new Optimizer(network, new SgdOptions { Lr = 50, Momentum = 0 }, Constraint.Of(new NoConvexityOptions(), []));
        var (before, weight) = (angles[0].parameter.detach().clone(), Conv().detach().clone());
        nn.functional.cross_entropy(network.forward(randn([16, 1, 28, 28])), zeros([16], ScalarType.Int64)).backward();
        optimizer.Step(0);
        Assert.True((angles[0].parameter - before).abs().max().item<float>() > 0);
        Assert.True(Conv().eq(weight).all().item<bool>());

        Tensor Conv() => network.state_dict()["conv1.weight"];
    }

    [Fact]
    public void A_run_logs_the_angle_of_its_schedule_and_goes_on_with_it_when_resumed()
    {
        var spec = new Spec
        {
            Model = new AnnealCnnOptions { Channels = 4 },
            Data = new GlyphsOptions { TrainSize = 64, TestSize = 20 },
            Optimizer = new AdamOptions { Lr = 1e-3 },
            Schedule = new InverseScheduleOptions(),
            Annealing = new LinearAnnealingOptions { ReachZero = true },
            Training = new TrainingOptions { Epochs = 3, BatchSize = 32 },
        };
        using var run = new SmallRun();
        var events = run.Train(spec, "whole");
        Assert.Equal([Quarter, Quarter / 2, 0], events.OfType<EpochEvent>().Select(e => Math.Round(e.Values["theta"], 6))
            .Zip([Quarter, Quarter / 2, 0], (seen, wanted) => Math.Abs(seen - wanted) < 1e-6 ? wanted : seen));
        var summary = ((FinishedEvent)events[^1]).Summary!;
        Assert.Equal((0, 3), (Math.Round(summary.Series!["theta"].Min, 6), summary.Series!["theta"].Count));
        Assert.Equal(Quarter / 2, summary.Series!["theta"].Mean, 6);
        Assert.Equal(events.OfType<PointsEvent>().Last().Values["lr"], summary.Series!["lr"].Final);
        Assert.True(summary.Series!["lr"].Min < summary.Series!["lr"].Max);
        Assert.Equal(3, summary.Series!["epoch_seconds"].Count);
        Assert.Equal(summary.TrainSeconds / 3, summary.Series!["epoch_seconds"].Mean, 1e-6);
        run.Train(spec, "parted", stopAfter: e => e is EpochEvent { Epoch: 1 });
        Assert.Equal(summary.WeightsSha256, ((FinishedEvent)run.Train(spec, "parted", resume: true)[^1]).Summary!.WeightsSha256);
    }

    [Theory]
    [InlineData("""{"model":{"name":"mlp"},"annealing":{"name":"linear"}}""", "annealing.name")]
    [InlineData("""{"model":{"name":"anneal_cnn","theta":"shared"},"annealing":{"name":"linear"}}""", "annealing.name")]
    [InlineData("""{"model":{"name":"anneal_cnn"},"annealing":{"name":"staged"}}""", "data.validation")]
    [InlineData("""{"model":{"name":"anneal_cnn"},"annealing":{"name":"linear","anneal_epochs":50},"training":{"epochs":10}}""",
        "annealing.anneal_epochs")]
    [InlineData(
        """
        {"model":{"name":"anneal_cnn"},"data":{"name":"mnist","validation":0.1},
         "annealing":{"name":"staged","stages":8},"training":{"epochs":8}}
        """,
        "annealing.stages")]
    [InlineData(
        """
        {"model":{"name":"anneal_cnn"},"data":{"name":"mnist","validation":0.1},
         "annealing":{"name":"staged","stages":8},"training":{"epochs":30}}
        """,
        "annealing.stages")]
    public void What_does_not_go_together_is_told_with_its_field(string json, string field)
        => Assert.Contains(SpecReader.Read(json).Problems, problem => problem.Path == field);
}
