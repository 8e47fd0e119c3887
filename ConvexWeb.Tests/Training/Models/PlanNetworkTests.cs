using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training.Models;

/// <summary>The network that runs a plan.</summary>
[Collection(TorchCollection.Name)]
[Trait("kind", "slow")]
public sealed class PlanNetworkTests
{
    private static readonly ImageInput Cifar = new(3, 32, 32, 10);

    public static TheoryData<string> AllModels() => [.. PlanTests.ConvexModels().Select(m => m.Data), "convex_head"];

    [Theory]
    [MemberData(nameof(AllModels))]
    public void Shapes_and_parameters_are_those_of_the_plan(string name)
    {
        using var scope = NewDisposeScope();
        foreach (var convexity in new ConvexityOptions[] { new NoConvexityOptions(), new ExpEpsOptions() })
        {
            var plan = PlanTests.Model(name).Plan(convexity, Cifar);
            using var network = new PlanNetwork(plan);
            Assert.Equal(
                plan.Steps.SelectMany(s => s.Tensors).Select(t => (t.Name, string.Join(',', t.Shape))).Order(),
                network.named_parameters().Select(p => (p.name, string.Join(',', p.parameter.shape))).Order());
            Assert.Equal([2, 10], network.forward(rand([2, 3, 32, 32])).shape);
        }
    }

    [Theory]
    [MemberData(nameof(AllModels))]
    public void Two_eval_passes_are_bit_identical_and_training_passes_with_dropout_are_not(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        using var network = new PlanNetwork(PlanTests.Model(name).Plan(new ExpEpsOptions(), Cifar));
        var x = rand([4, 3, 32, 32]);
        network.eval();
        Assert.Equal(network.forward(x).flatten().data<float>().ToArray(), network.forward(x).flatten().data<float>().ToArray());
        if (name is not ("allconv" or "efficientnet_b0")) return;
        network.train();
        Assert.NotEqual(network.forward(x).flatten().data<float>().ToArray(), network.forward(x).flatten().data<float>().ToArray());
    }

    [Theory]
    [MemberData(nameof(AllModels))]
    public void Every_parameter_gets_a_gradient(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        using var network = new PlanNetwork(PlanTests.Model(name).Plan(new NoConvexityOptions(), Cifar));
        nn.functional.cross_entropy(network.forward(rand([8, 3, 32, 32])), arange(8, ScalarType.Int64)).backward();
        foreach (var (parameter, value) in network.named_parameters())
            Assert.True(value.grad is { } grad && grad.isfinite().all().item<bool>(), parameter);
    }

    // The constraint draws nothing, so that twins with the same tensors start alike. Where they have others, the draws behind the first
    // such tensor are others too: of those the seed alone is shared.
    [Theory]
    [MemberData(nameof(AllModels))]
    public void N10_Twins_start_from_the_same_weights_as_far_as_they_have_the_same_tensors(string name)
    {
        using var scope = NewDisposeScope();
        var (one, other) = (Start(new NoConvexityOptions()), Start(new ExpEpsOptions()));
        var shared = one.Zip(other).TakeWhile(pair => pair.First.Name == pair.Second.Name
            && pair.First.Value.shape.SequenceEqual(pair.Second.Value.shape)).ToList();
        Assert.All(shared, pair => Assert.True(pair.First.Value.equal(pair.Second.Value).all().item<bool>(), pair.First.Name));
        Assert.True(shared.Count >= 2);
        var differs = name is "cycle_mlp" or "efficientnet_b0";
        Assert.Equal(!differs, shared.Count == one.Count && one.Count == other.Count);

        List<(string Name, Tensor Value)> Start(ConvexityOptions convexity)
        {
            manual_seed(4);
            using var network = new PlanNetwork(PlanTests.Model(name).Plan(convexity, Cifar));
            return [.. network.named_parameters().Select(p => (p.name, p.parameter.detach().clone()))];
        }
    }

    // Units that start alike stay alike.
    [Theory]
    [MemberData(nameof(AllModels))]
    public void No_two_units_of_a_layer_start_alike(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        using var network = new PlanNetwork(PlanTests.Model(name).Plan(new NoConvexityOptions(), Cifar));
        var tensors = network.state_dict();
        foreach (var weight in network.Plan.Steps.SelectMany(s => s.Tensors).Where(t => t.Role == TensorRole.Weight))
        {
            // A locally connected layer has a filter for each place and channel.
            var units = weight.Shape.Count == 3 ? tensors[weight.Name].flatten(0, 1) : tensors[weight.Name].flatten(1);
            var rows = units.detach().cpu().data<float>().ToArray().Chunk((int)units.shape[1]).Select(row => string.Join(' ', row));
            Assert.Equal(units.shape[0], rows.Distinct().Count());
            Assert.True(units.lt(0).any().item<bool>() && units.gt(0).any().item<bool>(), weight.Name);
        }
    }

    [Fact]
    public void CycleMLP_starts_its_cycle_layers_as_its_linear_ones()
    {
        // S6.3: a normal of 0.02, biases 0, for Linear and Cycle FC alike.
        using var scope = NewDisposeScope();
        manual_seed(4);
        using var network = ModelFactory.Build(new Spec { Model = new CycleMlpOptions(), Data = new Cifar10Options { Resize = 64 } });
        var tensors = network.state_dict();
        foreach (var name in tensors.Keys.Where(k => !k.StartsWith("patch_embed", StringComparison.Ordinal)
            && (k.Contains("sfc_", StringComparison.Ordinal) || k.EndsWith("weight", StringComparison.Ordinal) && tensors[k].ndim == 2)))
        {
            if (name.EndsWith("bias", StringComparison.Ordinal)) Assert.Equal(0, tensors[name].abs().max().item<float>());
            else
            {
                Assert.InRange(tensors[name].std().item<float>(), 0.0185, 0.0215);
                Assert.Equal(0, tensors[name].mean().item<float>(), 0.0015);
            }
        }
        Assert.Contains(tensors.Keys, k => k.EndsWith("sfc_h.weight", StringComparison.Ordinal));
    }

    [Fact]
    public void An_evaluation_leaves_no_tensor_behind()
    {
        using var network = new PlanNetwork(PlanTests.Model("densenet").Plan(new ExpEpsOptions(), Cifar));
        network.eval();
        using var x = rand([2, 3, 32, 32]);
        var before = LiveTensors.Count();
        using (no_grad())
        {
            using var logits = network.forward(x);
            Assert.Equal(before + 1, Tensor.TotalCount);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_cycle_FC_moves_an_impulse_by_the_formulas_offset(bool alongRow)
    {
        // T.13: one-hot channel i; the output is the impulse moved by its offset, and nothing where it would come from outside.
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        const int channels = 7, size = 5;
        var plan = new Plan([channels, size, size], new NoConvexityOptions());
        plan.CycleFc("fc", plan.Input, channels, alongRow);
        using var network = new PlanNetwork(plan);
        network.get_weight("fc.weight").copy_(eye(channels, channels).view(channels, channels, 1, 1));
        network.get_weight("fc.bias").zero_();
        for (var channel = 0; channel < channels; channel++)
        {
            var offset = (channel + 1) % 3 - 1;
            for (var place = 0; place < size; place++)
            {
                var x = zeros([1, channels, size, size]);
                Pixel(x, channel, place).fill_(1);
                var expected = zeros([1, channels, size, size]);
                // out[p] = in[p + offset], so an impulse at p comes out at p − offset.
                if (place - offset is >= 0 and < size and var target) Pixel(expected, channel, target).fill_(1);
                Assert.Equal(expected.flatten().data<float>().ToArray(), network.forward(x).flatten().contiguous().data<float>().ToArray());
            }
        }

        Tensor Pixel(Tensor image, int channel, int place)
        {
            var row = image.select(0, 0).select(0, channel);
            return alongRow ? row.select(0, 2).narrow(0, place, 1) : row.select(1, 2).narrow(0, place, 1);
        }
    }

    [Fact]
    public void The_convex_start_has_the_mean_variance_and_bias_of_its_formula()
    {
        using var scope = NewDisposeScope();
        manual_seed(6);
        var convexity = new ExpEpsOptions { Init = ConstrainedStart.LogNormal };
        using var network = ModelFactory.Build(new Spec { Data = new Cifar10Options(), Convexity = convexity });
        var start = LogNormalStart.Of(800);
        var weight = network.get_weight("fc2.weight").detach().to(ScalarType.Float64);
        Assert.True(weight.min().item<double>() > 0);
        // The tail is long: the logarithm tells more than the mean of 640,000 draws.
        Assert.InRange(weight.log().mean().item<double>(), start.Mu - 0.02, start.Mu + 0.02);
        Assert.InRange(weight.log().std().item<double>(), start.Sigma * 0.99, start.Sigma * 1.01);
        Assert.Equal(start.MeanSquare + start.Variance, Math.Exp(2 * start.Mu + 2 * start.Sigma * start.Sigma), 1e-12);
        Assert.Equal(start.Bias, network.get_weight("fc2.bias").max().item<float>(), 5);
        Assert.True(network.get_weight("fc1.weight").min().item<float>() < 0, "the first layer starts as ever");
    }

    [Fact]
    public void Softplus_of_a_free_weight_starts_at_the_twins_size_and_stays_positive()
    {
        using var scope = NewDisposeScope();
        var spec = new Spec { Model = new MlpOptions { Width = 40 }, Data = new Cifar10Options() };
        manual_seed(8);
        using var twin = ModelFactory.Build(spec);
        manual_seed(8);
        var reparametrised = spec with { Convexity = new SoftplusReparamOptions() };
        using var network = ModelFactory.Build(reparametrised);
        var stored = network.get_weight("fc2.parametrizations.weight.original");
        Assert.True((nn.functional.softplus(stored) - twin.get_weight("fc2.weight").abs()).abs().max().item<float>() < 2e-6);
        Assert.True(stored.min().item<float>() < 0, "what is stored is free");
        var plain = new SgdOptions { Momentum = 0, WeightDecay = 0, Nesterov = false };
        using var optimizer = new Optimizer(network, plain, Constraint.Of(reparametrised));
        nn.functional.cross_entropy(network.forward(rand([8, 3, 32, 32])), arange(8, ScalarType.Int64)).backward();
        Assert.NotNull(stored.grad);
        optimizer.Step(0.1);
        Assert.True(stored.min().item<float>() < 0, "no operator touches it");
    }
}
