using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>
/// The fused pass gives what plain tensor operations give, on a whole network. (What both give is compared with PyTorch in the golden
/// tests.)
/// </summary>
[Collection(TorchCollection.Name)]
public sealed class FusedStepTests
{
    public static TheoryData<string, string> RulesAndConstraints()
    {
        var data = new TheoryData<string, string>();
        foreach (var rule in Rules.Keys)
            foreach (var constraint in Catalogue.Constraints.Choices) data.Add(rule, constraint.Name);
        return data;
    }

    private static readonly Dictionary<string, OptimizerOptions> Rules = new()
    {
        ["sgd"] = new SgdOptions { Momentum = 0, WeightDecay = 0, Nesterov = false },
        ["sgd momentum decay"] = new SgdOptions { Momentum = 0.9, WeightDecay = 5e-4, Nesterov = false },
        ["sgd nesterov"] = new SgdOptions { Momentum = 0.9, WeightDecay = 1e-4, Nesterov = true },
        ["adam"] = new AdamOptions { Beta1 = 0.9, Beta2 = 0.999, Eps = 1e-8, WeightDecay = 0 },
        ["adam decay"] = new AdamOptions { Beta1 = 0.8, Beta2 = 0.99, Eps = 1e-6, WeightDecay = 0.01 },
        ["beta_lasso"] = new BetaLassoOptions { Beta = 50, LambdaFirst = 1e-4, LambdaRest = 2e-5 },
        ["beta_lasso post"] = new BetaLassoOptions { Beta = 50, LambdaFirst = 2e-5, LambdaRest = 1e-4, SignAt = SignPlace.Post },
        ["adamw"] = new AdamWOptions { Beta1 = 0.9, Beta2 = 0.999, Eps = 1e-8, WeightDecay = 0.05 },
    };

    private static Spec SpecWith(string constraint) => new()
    {
        Model = new MlpOptions { Width = 37, Depth = 2 },
        Data = new GlyphsOptions(),
        Convexity = (ConvexityOptions)Activator.CreateInstance(Catalogue.Constraints.Find(constraint)!.Options)!,
    };

    [Fact]
    public void Every_optimizer_of_the_catalogue_is_compared()
        => Assert.Equal(
            Catalogue.Optimizers.Choices.Select(entry => entry.Options).ToHashSet(),
            Rules.Values.Select(rule => rule.GetType()).ToHashSet());

    [Theory]
    [MemberData(nameof(RulesAndConstraints))]
    public void Equals_the_plain_path_to_rounding(string rule, string constraint)
    {
        foreach (var (type, tolerance) in new[] { (ScalarType.Float32, 2e-6), (ScalarType.Float64, 1e-14) })
        {
            using var scope = NewDisposeScope();
            var fused = Train(SpecWith(constraint), Rules[rule], fused: true, type);
            var plain = Train(SpecWith(constraint), Rules[rule], fused: false, type);
            foreach (var (name, expected) in plain)
            {
                var difference = (fused[name] - expected).abs().max().to(ScalarType.Float64).item<double>();
                Assert.True(difference <= tolerance, $"{name} ({type}): {difference}");
            }
        }
    }

    [Fact]
    public void Without_the_constraint_the_two_paths_differ_from_the_constrained_ones()
    {
        // The negative control of the test above: a constraint that did nothing would pass it.
        using var scope = NewDisposeScope();
        var free = Train(SpecWith("none"), Rules["adam"], fused: true, ScalarType.Float32);
        var constrained = Train(SpecWith("exp_eps"), Rules["adam"], fused: true, ScalarType.Float32);
        Assert.True(free["fc2.weight"].min().item<float>() < 0);
        Assert.True(constrained["fc2.weight"].min().item<float>() >= 0);
        Assert.True(constrained["fc1.weight"].min().item<float>() < 0, "the first affine layer keeps its sign");
    }

    [Theory]
    [InlineData("exp_eps", false)]
    [InlineData("clip", false)]
    [InlineData("abs", false)]
    [InlineData("shift", true)]
    public void A_NaN_stays_where_it_is_but_a_shift_spreads_it(string constraint, bool everywhere)
    {
        using var scope = NewDisposeScope();
        foreach (var fused in new[] { true, false })
        {
            var spec = SpecWith(constraint);
            using var network = ModelFactory.Build(spec);
            using var optimizer = new Optimizer(network, Rules["sgd"], Constraint.Of(spec), fused);
            foreach (var parameter in network.parameters()) parameter.grad = zeros_like(parameter);
            var weight = network.get_weight("fc2.weight");
            weight.grad!.flatten().narrow(0, 3, 1).fill_(float.NaN);
            optimizer.Step(0.1);
            Assert.Equal(everywhere ? weight.numel() : 1, weight.isnan().sum().item<long>());
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Counts_the_constrained_weights_that_a_step_left_below_zero(bool fused)
    {
        // constraint/negatives_per_step of the charts; the first layer is free, and its negative weights do not count.
        using var scope = NewDisposeScope();
        var spec = SpecWith("clip");
        using var network = ModelFactory.Build(spec);
        using var optimizer = new Optimizer(network, Rules["sgd"], Constraint.Of(spec), fused);
        using (no_grad())
            foreach (var parameter in network.parameters()) parameter.fill_(0.5);
        foreach (var (name, parameter) in network.named_parameters())
        {
            parameter.grad = zeros_like(parameter);
            if (name == "fc2.weight") parameter.grad.flatten().narrow(0, 0, 5).fill_(1);
            if (name == "fc1.weight") parameter.grad.fill_(1);
        }
        optimizer.Step(1);

        Assert.Equal(5, optimizer.TakeNegatives());
        Assert.Equal(0, optimizer.TakeNegatives());
        Assert.Equal(0, network.get_weight("fc2.weight").min().item<float>());
        Assert.Equal(-0.5f, network.get_weight("fc1.weight").max().item<float>());
    }

    private static Dictionary<string, Tensor> Train(Spec spec, OptimizerOptions rule, bool fused, ScalarType type)
    {
        manual_seed(3);
        using var network = ModelFactory.Build(spec);
        TorchSharp.ModuleExtensionMethods.to(network, type);
        using var optimizer = new Optimizer(network, rule, Constraint.Of(spec), fused);
        var lr = rule is SgdOptions ? 0.05 : 2e-3;
        for (var i = 0; i < 12; i++)
        {
            using var scope = NewDisposeScope();
            // Gradients of the test's own, the same for both: through the network, rounding would grow from step to step.
            manual_seed(100 + i);
            foreach (var parameter in network.parameters()) parameter.grad = randn(parameter.shape, ScalarType.Float64).to(type);
            optimizer.Step(lr);
        }
        return network.state_dict().ToDictionary(t => t.Key, t => t.Value.detach().clone());
    }
}
