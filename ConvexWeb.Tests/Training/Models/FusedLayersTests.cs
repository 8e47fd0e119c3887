using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Models.Graph.Fused;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training.Models;

/// <summary>
/// The layers over kernels give what plain operators give: values, gradients and running statistics. (Both are compared with PyTorch in the
/// golden tests.)
/// </summary>
[Collection(TorchCollection.Name)]
public sealed class FusedLayersTests
{
    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var model in PlanNetworkTests.AllModels())
            foreach (var convexity in new[] { "none", "exp_eps" }) data.Add(model.Data, convexity);
        return data;
    }

    [Trait("kind", "slow")]
    [Theory]
    [MemberData(nameof(Cases))]
    public void A_training_pass_equals_plain_operators(string name, string convexity)
    {
        using var scope = NewDisposeScope();
        ConvexityOptions constraint = convexity == "none" ? new NoConvexityOptions() : new ExpEpsOptions();
        var model = name switch
        {
            "allconv" => new AllConvOptions { WidthPercent = 20, InputDropout = 0, Dropout = 0 },
            "efficientnet_b0" => new EfficientNetOptions { Dropout = 0 },
            _ => PlanTests.Model(name),
        };
        var plan = model.Plan(constraint, new ImageInput(3, 32, 32, 10));
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
            Tensor Input() => (last ? ChannelsLast(values) : values.clone()).detach().requires_grad_(true);
            var (a, b) = (Input(), Input());
            var weight = randn([2, 7, 5, 6], ScalarType.Float64);
            var fused = FusedShift.Apply(a, alongRow)!;
            var plain = Execution.CycleShift(b, alongRow ? 3 : 2);
            Assert.Equal(0, (fused - plain).abs().max().item<double>());
            (fused * weight).sum().backward();
            (plain * weight).sum().backward();
            Assert.Equal(0, (a.grad! - b.grad!).abs().max().item<double>());
        }
    }

    // Sizes that leave half tiles, channels that leave half vectors, more tiles than one chunk holds.
    [Theory]
    [InlineData(ActivationFunction.Relu, 5, 7, 17, 35)]
    [InlineData(ActivationFunction.Elu, 5, 7, 17, 35)]
    [InlineData(ActivationFunction.Identity, 8, 8, 32, 16)]
    [InlineData(ActivationFunction.Elu, 32, 30, 16, 20)]
    public void A_convolution_equals_plain_operators(ActivationFunction function, long height, long width, long channels, long outputs)
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        var convolution = new Conv2dOperation("conv", 0, channels, outputs, 3, 1, 1, 1);
        foreach (var (type, allowed) in new[] { (ScalarType.Float64, 1e-13), (ScalarType.Float32, 3e-6) })
        {
            var weight = randn([outputs, channels, 3, 3], ScalarType.Float64);
            var bias = randn([outputs], ScalarType.Float64);
            var values = ChannelsLast(randn([3, channels, height, width], ScalarType.Float64));
            var direction = randn([3, outputs, height, width], ScalarType.Float64);
            Tensor[] Leaves(ScalarType t) => [.. new[] { values, weight, bias }.Select(v => v.to(t).clone().detach().requires_grad_(true))];

            var fused = Leaves(type);
            var y = FusedConvolution.Apply(convolution, function, fused[0], fused[1..])!;
            (y * direction.to(type)).sum().backward();

            var plain = Leaves(ScalarType.Float64);
            var z = nn.functional.conv2d(plain[0], plain[1], plain[2], [1, 1], [1, 1]);
            var expected = function switch
            {
                ActivationFunction.Relu => nn.functional.relu(z),
                ActivationFunction.Elu => nn.functional.elu(z, 1),
                _ => z,
            };
            (expected * direction).sum().backward();

            AssertNear(expected, y, allowed);
            for (var i = 0; i < 3; i++) AssertNear(plain[i].grad!, fused[i].grad!, allowed);
        }
    }

    [Fact]
    public void Its_ELU_is_exact_to_rounding_near_zero_and_far_below()
    {
        using var scope = NewDisposeScope();
        float[] points =
        [
            -1e-30f, -1e-7f, -1e-4f, -0.01f, -0.2f, -0.34f, -0.35f, -0.5f, -1, -3, -10, -17, -60, -87, -88, -1000, float.NegativeInfinity,
            0, 2.5f, float.NaN,
        ];
        var convolution = new Conv2dOperation("conv", 0, 16, points.Length, 3, 1, 1, 1);
        var y = FusedConvolution.Apply(
            convolution, ActivationFunction.Elu, ChannelsLast(zeros([1, 16, 4, 4])),
            [zeros([points.Length, 16, 3, 3]), from_array(points)])!;
        for (var i = 0; i < points.Length; i++)
        {
            var expected = points[i] < 0 ? Math.Exp(points[i]) - 1 : points[i];
            // Math.Exp(x) − 1 itself cancels near zero, where the series' first two terms are exact enough.
            if (points[i] is < 0 and > -1e-3f) expected = points[i] + points[i] * (double)points[i] / 2;
            var actual = y.select(1, i).flatten().select(0, 15).item<float>();
            Assert.True(
                double.IsNaN(expected) ? float.IsNaN(actual) : Math.Abs(actual - expected) <= 2e-7 * Math.Abs(expected),
                $"ELU({points[i]}) = {actual}, not {expected}");
        }
    }

    [Theory]
    [InlineData(ActivationFunction.Relu)]
    [InlineData(ActivationFunction.Elu)]
    [InlineData(ActivationFunction.Identity)]
    public void NaN_goes_through(ActivationFunction function)
    {
        using var scope = NewDisposeScope();
        var convolution = new Conv2dOperation("conv", 0, 16, 16, 3, 1, 1, 1);
        var y = FusedConvolution.Apply(
            convolution, function, ChannelsLast(full([1, 16, 4, 4], float.NaN)), [zeros([16, 16, 3, 3]), zeros([16])])!;
        Assert.True(float.IsNaN(y.min().item<float>()));

        var norm = new BatchNormOperation("bn", 0, 1e-5, 0.1);
        foreach (long[] shape in new long[][] { [1500, 4], [2, 4, 8, 8] })
        {
            var x = randn(shape);
            x.select(0, 0).select(0, 1).fill_(float.NaN);
            var z = FusedNorm.Apply(norm, function, x, [ones([4]), zeros([4])], [zeros([4]), ones([4]), zeros([], ScalarType.Int64)])!;
            Assert.True(float.IsNaN(z.select(1, 1).max().item<float>()));
            Assert.True(float.IsFinite(z.select(1, 0).max().item<float>()));
        }
    }

    // Whole blocks and vectors, and what is left of them.
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(9)]
    [InlineData(16)]
    [InlineData(31)]
    [InlineData(16_384)]
    [InlineData(40_005)]
    public void Dropouts_mask_is_that_of_its_hash_in_both_types(int count)
    {
        using var scope = NewDisposeScope();
        foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            manual_seed(8);
            var x = ones([count], type);
            var y = FusedDropout.Apply(x, 0.25)!.to(ScalarType.Float64).data<double>().ToArray();
            manual_seed(8);
            Assert.Equal(Masked(count, 0.25, FusedDropout.NextKey()), y.Select(value => Math.Round(value * 0.75)));
        }

        // The hash once more, element by element.
        static IEnumerable<double> Masked(int count, double p, ulong key)
        {
            for (var i = 0u; i < count; i++)
                yield return Mixed(Mixed(i + (uint)key) ^ (uint)(key >> 32)) >= (uint)(p * 4294967296.0) ? 1 : 0;
        }

        static uint Mixed(uint h)
        {
            h ^= h >> 16;
            h *= 0x21f0aaad;
            h ^= h >> 15;
            h *= 0x735a2d97;
            return h ^ (h >> 15);
        }
    }

    [Fact]
    public void Dropout_keeps_NaN_whether_it_drops_it_or_not()
    {
        using var scope = NewDisposeScope();
        Assert.True(FusedDropout.Apply(full([1000], float.NaN), 0.5)!.isnan().all().item<bool>());
    }

    [Fact]
    public void A_filter_of_another_shape_than_its_images_is_not_touched()
    {
        using var scope = NewDisposeScope();
        var convolution = new Conv2dOperation("conv", 0, 16, 16, 3, 1, 1, 1);
        var x = ChannelsLast(randn([2, 16, 4, 4]));
        Tensor? Apply(params long[][] shapes)
            => FusedConvolution.Apply(convolution, ActivationFunction.Relu, x, [.. shapes.Select(shape => randn(shape))]);
        Assert.NotNull(Apply([16, 16, 3, 3], [16]));
        Assert.Null(Apply([16, 24, 3, 3], [16]));
        Assert.Null(Apply([24, 16, 3, 3], [16]));
        Assert.Null(Apply([16, 16, 3, 3], [8]));
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(0.5)]
    public void Dropout_drops_its_share_anew_in_every_call_and_again_for_the_same_seed(double p)
    {
        using var scope = NewDisposeScope();
        Tensor Mask(Tensor x) => FusedDropout.Apply(x, p)!;
        manual_seed(8);
        var x = ChannelsLast(ones([16, 24, 32, 32])).requires_grad_(true);
        var (first, second) = (Mask(x), Mask(x));
        manual_seed(8);
        Assert.True(Same(first, Mask(x)));
        Assert.False(Same(first, second));

        // Kept elements are scaled so that the mean stays; 393,216 of them: five deviations.
        // The two masks are independent, and so are neighbours.
        var n = x.numel();
        var kept = (first * (1 - p)).round().to(ScalarType.Float64);
        var keptTwice = kept * (second * (1 - p)).round().to(ScalarType.Float64);
        Assert.InRange(kept.mean().item<double>() - (1 - p), -5 * Math.Sqrt(p * (1 - p) / n), 5 * Math.Sqrt(p * (1 - p) / n));
        Assert.InRange(keptTwice.mean().item<double>() - (1 - p) * (1 - p), -2.5 / Math.Sqrt(n), 2.5 / Math.Sqrt(n));
        foreach (var dim in new[] { 1, 3 })
        {
            var pairs = kept.narrow(dim, 1, x.shape[dim] - 1) * kept.narrow(dim, 0, x.shape[dim] - 1);
            Assert.InRange(
                pairs.mean().item<double>() - (1 - p) * (1 - p), -2.5 / Math.Sqrt(pairs.numel()), 2.5 / Math.Sqrt(pairs.numel()));
        }
        Assert.Equal(1 / (1 - p), first.max().item<float>(), 1e-6);

        // What was dropped gets no gradient, what was kept gets its scale, whatever the layout of the gradient.
        (first * ones([16, 24, 32, 32])).sum().backward();
        Assert.True(Same(first, x.grad!));
    }

    [Fact]
    public void What_does_not_fit_is_refused_or_left_to_plain_operators()
    {
        using var scope = NewDisposeScope();
        var norm = new BatchNormOperation("bn", 0, 1e-5, 0.1);
        Tensor[] w = [ones([4]), zeros([4])], running = [zeros([4]), ones([4]), zeros([], ScalarType.Int64)];
        Assert.Null(FusedNorm.Apply(norm, ActivationFunction.Gelu, randn([3, 5, 4]), w, running));
        Assert.Null(FusedNorm.Apply(norm, ActivationFunction.Relu, randn([300, 4]), w, running));
        Assert.Null(FusedNorm.Apply(norm, ActivationFunction.Relu, randn([1, 1, 4]), w, running));
        Assert.Null(FusedNorm.Apply(norm, ActivationFunction.Relu, randn([4, 3]).t(), w, running));
        Assert.Null(FusedConvolution.Apply(
            new Conv2dOperation("conv", 0, 16, 16, 3, 1, 1, 1), ActivationFunction.Relu, randn([2, 16, 4, 4]),
            [randn([16, 16, 3, 3]), zeros([16])]));
        Assert.Null(FusedConvolution.Apply(
            new Conv2dOperation("conv", 0, 16, 16, 3, 2, 1, 1), ActivationFunction.Relu, ChannelsLast(randn([2, 16, 4, 4])),
            [randn([16, 16, 3, 3]), zeros([16])]));
        Assert.Null(FusedNorm.Apply(norm, ActivationFunction.Relu, randn([3, 3, 5]), w, running));
    }

    private static Tensor ChannelsLast(Tensor x) => x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    private static bool Same(Tensor a, Tensor b) => (a - b).abs().max().item<float>() == 0;

    // Relative to the largest: sums of many terms cancel.
    private static void AssertNear(Tensor expected, Tensor actual, double allowed)
        => Assert.InRange(
            (actual.to(ScalarType.Float64) - expected).abs().max().item<double>() / expected.abs().max().item<double>(), 0, allowed);

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
