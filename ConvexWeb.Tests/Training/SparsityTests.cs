using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Engine.Metrics;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>β-LASSO, exact zeros, filters and how local they are: science.md S12.9, T.7 and B13.</summary>
[Collection(TorchCollection.Name)]
public sealed class SparsityTests
{
    private static readonly ImageInput Cifar = new(3, 32, 32, 10);

    private static Spec Sparse(double beta) => new()
    {
        Model = new SdNetOptions(),
        Data = new GlyphsOptions { TrainSize = 256, TestSize = 50 },
        Optimizer = new BetaLassoOptions { Beta = beta, LambdaFirst = 2e-5, LambdaRest = 2e-5 },
        Training = new TrainingOptions { Epochs = 2, BatchSize = 64, LayerMetrics = true, FilterEpochs = [0, 2], FilterCount = 4 },
    };

    [Theory]
    [InlineData(SignPlace.Prev, true)]
    [InlineData(SignPlace.Prev, false)]
    [InlineData(SignPlace.Post, true)]
    public void T7_No_weight_between_zero_and_the_threshold_is_left_after_any_step(SignPlace sign, bool fused)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        using var network = new PlanNetwork(new SdNetOptions().Plan(new NoConvexityOptions(), Cifar));
        var rule = new BetaLassoOptions { Beta = 50, LambdaFirst = 2e-5, LambdaRest = 2e-5, SignAt = sign };
        using var optimizer = new Optimizer(network, rule, Constraint.Of(new NoConvexityOptions(), []), fused);
        var least = 50f * 2e-5f;
        for (var step = 0; step < 6; step++)
        {
            nn.functional.cross_entropy(network.forward(randn(32, 3, 32, 32)), arange(32, ScalarType.Int64) % 10).backward();
            optimizer.Step(0.1);
            foreach (var (name, weight) in network.named_parameters())
            {
                var sizes = weight.detach().abs();
                Assert.True(sizes.masked_select(sizes.ne(0)).min().item<float>() >= least, name);
                Assert.True(weight.eq(0).any().item<bool>() || name == "layer3.weight", name);
            }
        }
    }

    [Fact]
    public void T7_Without_a_threshold_no_weight_is_exactly_zero()
    {
        using var run = new SmallRun();
        var summary = ((FinishedEvent)run.Train(Sparse(0), "dense")[^1]).Summary!;
        Assert.All(summary.Layers, layer => Assert.Equal(layer.Count, layer.NonZeros));
    }

    [Fact]
    public void The_first_step_leaves_what_the_uniform_start_says()
    {
        // N·(1 − β·λ·√inputs): 742,844, 6,046 and 239 of S12.9.
        using var scope = NewDisposeScope();
        manual_seed(9);
        using var network = new PlanNetwork(new SdNetOptions().Plan(new NoConvexityOptions(), Cifar));
        using var optimizer = new Optimizer(network, new BetaLassoOptions(), Constraint.Of(new NoConvexityOptions(), []));
        foreach (var (_, weight) in network.named_parameters()) weight.grad = zeros_like(weight);
        optimizer.Step(1e-6);
        var counts = network.named_parameters().Select(p => p.parameter.ne(0).sum().item<long>()).ToList();
        Assert.Equal(742_844, counts[0], 1500.0);
        Assert.Equal(6046, counts[1], 50.0);
        Assert.Equal(239, counts[2], 5.0);
    }

    [Fact]
    public void Layers_have_their_own_lambda_and_biases_none()
    {
        using var scope = NewDisposeScope();
        manual_seed(9);
        using var network = new PlanNetwork(new MlpOptions { Width = 20 }.Plan(new NoConvexityOptions(), Cifar));
        var before = network.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach().clone());
        var rule = new BetaLassoOptions { Beta = 0, LambdaFirst = 1e-3, LambdaRest = 2e-3 };
        using var optimizer = new Optimizer(network, rule, Constraint.Of(new NoConvexityOptions(), []));
        foreach (var (_, weight) in network.named_parameters()) weight.grad = zeros_like(weight);
        optimizer.Step(0.1);
        foreach (var (name, weight) in network.named_parameters())
        {
            var moved = (weight - before[name]).abs().max().item<float>();
            Assert.Equal(name == "fc1.weight" ? 1e-4 : weight.dim() > 1 ? 2e-4 : 0, moved, 1e-6);
        }
    }

    [Fact]
    public void A_run_counts_exact_zeros_by_epoch_and_keeps_filters_of_the_epochs_asked_for()
    {
        using var run = new SmallRun();
        PlanNetwork? network = null;
        long zeros = 0;
        var events = run.Train(Sparse(50), "sparse", inspect: n =>
        {
            network = n;
            zeros = n.named_parameters().First().parameter.eq(0).sum().item<long>();
        });
        var epochs = events.OfType<EpochEvent>().ToList();
        var summary = ((FinishedEvent)events[^1]).Summary!;
        Assert.True(zeros > 0);
        Assert.Equal(summary.Layers[0].Count - zeros, epochs[^1].Values["nonzeros/layer1.weight"]);
        Assert.Equal(summary.Layers[0].NonZeros, epochs[^1].Values["nonzeros/layer1.weight"]);
        Assert.Equal(summary.Layers[1].FromInit, epochs[^1].Values["from_init/layer2.weight"], 1e-4);

        Assert.Equal([0, 2], summary.Filters!.Select(f => f.Epoch));
        var kept = summary.Filters![1];
        Assert.Equal(("layer1.weight", 196, 4), (kept.Layer, kept.Units, kept.Filters.Count));
        Assert.Equal((1, 28, 28), (kept.Channels, kept.Height, kept.Width));
        Assert.Equal(summary.Layers[0].NonZeros, kept.NonZeros);
        Assert.Equal(epochs[^1].Values["locality"], kept.Locality!.Value, 1e-9);
        Assert.All(kept.Filters, filter => Assert.Equal(784, Convert.FromBase64String(filter.Values).Length));
        Assert.All(kept.Filters, filter =>
            Assert.True(Convert.FromBase64String(filter.Values).Count(b => b != 0) <= filter.NonZeros));
    }

    [Fact]
    public void Filters_are_kept_of_epochs_that_are_not_evaluated_and_count_the_whole_layer()
    {
        using var run = new SmallRun();
        var spec = Sparse(50);
        spec = spec with
        {
            Model = new SdNetOptions { Kind = SdNetKind.SLocal, Alpha = 2 },
            Training = spec.Training with { Epochs = 4, EvaluateEvery = 4, FilterEpochs = [0, 3, 4] },
        };
        var summary = ((FinishedEvent)run.Train(spec, "kept")[^1]).Summary!;
        Assert.Equal([0, 3, 4], summary.Filters!.Select(f => f.Epoch));
        Assert.Equal((summary.Layers[0].Count, summary.Layers[0].NonZeros), (summary.Filters![2].Count, summary.Filters![2].NonZeros));
    }

    // What is dense between the same activations has as many of them, also where a side cannot be halved.
    [Theory]
    [InlineData(SdNetKind.SLocal, SdNetKind.SFc, 28)]
    [InlineData(SdNetKind.SLocal, SdNetKind.SFc, 27)]
    [InlineData(SdNetKind.DLocal, SdNetKind.DFc, 28)]
    [InlineData(SdNetKind.DConv, SdNetKind.DFc, 29)]
    public void A_dense_network_has_the_units_of_its_convolutional_one(SdNetKind one, SdNetKind dense, int side)
    {
        var images = new ImageInput(1, side, side, 10);
        Assert.Equal(Units(one), Units(dense));

        IEnumerable<long> Units(SdNetKind kind) => new SdNetOptions { Kind = kind, Alpha = 2 }.Plan(new NoConvexityOptions(), images)
            .Steps.Where(step => step.Operation is LinearOperation or LocalOperation or Conv2dOperation).Select(step => step.Output.Size);
    }

    [Fact]
    public void Binary_cross_entropy_is_the_mean_over_images_and_classes()
    {
        using var run = new SmallRun();
        var spec = Sparse(0) with { Optimizer = new SgdOptions { Lr = 1e-9, Momentum = 0 } };
        spec = spec with { Training = spec.Training with { Loss = TrainingLoss.BinaryCrossEntropy, PointsEvery = 4 } };
        var points = run.Train(spec, "bce").OfType<PointsEvent>().First().Values;
        // Logits near 0: ln 2 each; cross-entropy is ln 10.
        Assert.Equal(Math.Log(2), points["train/objective_running"], 0.15);
        Assert.Equal(Math.Log(10), points["train/loss_running"], 0.3);
    }

    [Fact]
    public void Locality_is_one_for_noise_and_little_for_a_patch()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var noise = Locality.Of(randn(400, 3, 32, 32) * (rand(400, 3, 32, 32) < 0.05));
        Assert.Equal(1, noise.mean().item<double>(), 0.02);
        var patch = zeros(1, 3, 32, 32);
        patch.narrow(2, 10, 5).narrow(3, 20, 5).fill_(0.3);
        Assert.InRange(Locality.Of(patch).item<double>(), 0.01, 0.03); // (25 − 1)/(1024 − 1), nearly
        Assert.True(double.IsNaN(Locality.Of(zeros(1, 3, 32, 32)).item<double>()));
    }

    [Fact]
    public void Filters_of_a_locally_connected_layer_stand_in_their_places()
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var network = new PlanNetwork(new SdNetOptions { Kind = SdNetKind.SLocal }.Plan(new NoConvexityOptions(), Cifar));
        network.state_dict()["layer1.weight"].fill_(1);
        var (_, _, filters) = FirstLayer.Of(network)!.Value;
        Assert.Equal([256, 3, 32, 32], filters.shape);
        // Place 17 is row 1, column 1: rows and columns 2·1 − 4 to 2·1 + 4, of which −2 and −1 lie outside.
        var one = filters.select(0, 17).select(0, 0);
        Assert.Equal(49, one.sum().item<float>());
        Assert.Equal(1, one[6, 6].item<float>());
        Assert.Equal(0, one[7, 6].item<float>());
    }
}
