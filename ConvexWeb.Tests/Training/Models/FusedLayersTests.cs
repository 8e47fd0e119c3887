using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training.Models;

/// <summary>The native layers give what plain operators give: values, gradients and running statistics. (Both are compared with PyTorch in the golden tests.)</summary>
[Collection(TorchCollection.Name)]
public sealed class FusedLayersTests
{
    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var model in new[] { "mlp", "densenet", "efficientnet_b0", "mixer", "cycle_mlp", "allconv" })
            foreach (var convexity in new[] { "none", "exp_eps" }) data.Add(model, convexity);
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_training_pass_equals_plain_operators(string name, string convexity)
    {
        using var scope = NewDisposeScope();
        ConvexityOptions constraint = convexity == "none" ? new NoConvexityOptions() : new ExpEpsOptions();
        var model = name == "allconv" ? new AllConvOptions { WidthPercent = 10, InputDropout = 0, Dropout = 0 } : name == "efficientnet_b0" ? new EfficientNetOptions { Dropout = 0 } : PlanTests.Model(name);
        var plan = model.Plan(constraint, new DatasetInfo(3, 32, 32, 10, 100, 100));
        var (fused, plain) = (Run(plan, true), Run(plan, false));
        Assert.Equal(plain.Keys.Order(), fused.Keys.Order());
        foreach (var (key, expected) in plain)
        {
            // A gradient that batch normalisation cancels is rounding in both.
            var allowed = 1e-9 * expected.abs().max().item<double>() + 1e-11;
            Assert.True((fused[key] - expected).abs().max().item<double>() <= allowed, key);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_shift_equals_plain_operators_in_both_layouts(bool alongRow)
    {
        using var scope = NewDisposeScope();
        foreach (var last in new[] { false, true })
        {
            var values = randn([2, 7, 5, 6], ScalarType.Float64);
            Tensor Input() => (last ? values.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : values.clone()).detach().requires_grad_(true);
            var (a, b) = (Input(), Input());
            var weight = randn([2, 7, 5, 6], ScalarType.Float64);
            var fused = FusedLayers.CycleShift(a, alongRow)!;
            var plain = Execution.CycleShift(b, alongRow ? 3 : 2);
            Assert.Equal(0, (fused - plain).abs().max().item<double>());
            (fused * weight).sum().backward();
            (plain * weight).sum().backward();
            Assert.Equal(0, (a.grad! - b.grad!).abs().max().item<double>());
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused_or_left_to_plain_operators()
    {
        using var scope = NewDisposeScope();
        var norm = new BatchNormOperation("bn", 0, 1e-5, 0.1);
        Tensor[] w = [ones([4]), zeros([4])], running = [zeros([4]), ones([4]), zeros([], ScalarType.Int64)];
        Assert.Null(FusedLayers.BatchNormActivation(norm, "gelu", randn([3, 4]), w, running));
        Assert.Null(FusedLayers.BatchNormActivation(norm, "relu", randn([1, 4]), w, running));
        Assert.Null(FusedLayers.BatchNormActivation(norm, "relu", randn([4, 3]).t(), w, running));
        Assert.Throws<ConvexWeb.Training.Native.LibtorchException>(() => FusedLayers.BatchNormActivation(norm, "relu", randn([3, 5]), w, running));
    }

    private static Dictionary<string, Tensor> Run(Plan plan, bool fused)
    {
        manual_seed(31);
        var network = new PlanNetwork(plan) { Fused = fused };
        TorchSharp.ModuleExtensionMethods.to(network, ScalarType.Float64);
        var x = randn([6, 3, 32, 32], ScalarType.Float64).requires_grad_(true);
        var logits = network.forward(x);
        nn.functional.cross_entropy(logits, arange(6, ScalarType.Int64)).backward();
        var result = network.named_parameters().ToDictionary(p => "gradient of " + p.name, p => p.parameter.grad!);
        foreach (var (name, value) in network.named_buffers()) result[name] = value.to(ScalarType.Float64);
        result["logits"] = logits.detach();
        result["gradient of the images"] = x.grad!;
        return result;
    }
}
