using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Kernels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using TorchSharp;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training.Models;

/// <summary>
/// <c>training.precision bf16</c>: products in bfloat16, everything else in float32. Without the processor's help it is slow, and right.
/// </summary>
[Collection(TorchCollection.Name)]
[Trait("kind", "slow")]
public sealed class PrecisionTests
{
    private static readonly ImageInput Cifar = new(3, 32, 32, 10);

    [Theory]
    [MemberData(nameof(PlanNetworkTests.AllModels), MemberType = typeof(PlanNetworkTests))]
    public void A_training_pass_is_near_float32s_and_not_the_same(string name)
    {
        using var scope = NewDisposeScope();
        var model = name switch
        {
            "allconv" => new AllConvOptions { WidthPercent = 20, InputDropout = 0, Dropout = 0 },
            "efficientnet_b0" => new EfficientNetOptions { Dropout = 0, DropPath = 0 },
            _ => PlanTests.Model(name),
        };
        using var network = new PlanNetwork(model.Plan(new ExpEpsOptions(), Cifar));
        manual_seed(6);
        var (images, labels) = (rand([16, 3, 32, 32]), arange(16, ScalarType.Int64).remainder(10));
        var (exact, exactGradients) = Pass(Precision.Float32);
        var (reduced, reducedGradients) = Pass(Precision.Bf16);

        Assert.Equal(ScalarType.Float32, reduced.dtype);
        // 8 bits of significand, over up to a hundred layers that add their rounding up.
        Assert.InRange(Distance(exact, reduced), 1e-5, 0.15);
        Assert.All(reducedGradients, pair =>
        {
            Assert.Equal(ScalarType.Float32, pair.Value.dtype);
            Assert.True(pair.Value.isfinite().all().item<bool>(), pair.Key);
        });
        var (all, reducedAll) = (Flat(exactGradients), Flat(reducedGradients));
        Assert.InRange((all * reducedAll).sum().item<double>() / (all.norm() * reducedAll.norm()).item<double>(), 0.9, 1);

        (Tensor Logits, Dictionary<string, Tensor> Gradients) Pass(Precision precision)
        {
            network.Precision = precision;
            network.zero_grad();
            var logits = network.forward(images);
            nn.functional.cross_entropy(logits, labels).backward();
            return (logits.detach(), network.named_parameters().ToDictionary(p => p.name, p => p.parameter.grad!.clone()));
        }
    }

    [Fact]
    public void Evaluation_is_float32s_bit_for_bit_and_leaves_nothing_switched_on()
    {
        using var scope = NewDisposeScope();
        using var network = new PlanNetwork(new MlpOptions { Width = 64 }.Plan(new NoConvexityOptions(), Cifar));
        var images = rand([8, 3, 32, 32]);
        network.Precision = Precision.Bf16;
        network.forward(images);
        var product = rand([8, 8]).mm(rand([8, 8]));
        Assert.Equal(ScalarType.Float32, product.dtype);

        network.eval();
        var reduced = network.forward(images);
        network.Precision = Precision.Float32;
        Assert.Equal(network.forward(images).data<float>().ToArray(), reduced.data<float>().ToArray());
    }

    [Fact]
    public void The_weights_after_a_step_are_converted_anew()
    {
        using var scope = NewDisposeScope();
        var plan = new MlpOptions { Width = 64 }.Plan(new NoConvexityOptions(), Cifar);
        using var network = new PlanNetwork(plan) { Precision = Precision.Bf16 };
        var images = rand([8, 3, 32, 32]);
        var before = network.forward(images);
        using (no_grad())
            foreach (var parameter in network.parameters()) parameter.mul_(1.5);
        Assert.True(Distance(before, network.forward(images)) > 0.05);
    }

    [Fact]
    public void A_wrong_convolution_is_found_in_this_precision_too()
    {
        using var scope = NewDisposeScope();
        var convolution = new Conv2dOperation("conv", 0, 16, 40, 3, 1, 1, 1);
        Tensor Right(Tensor x, Tensor w) => x.dtype == ScalarType.Float64 ? Products(x, w) : Products(x.bfloat16(), w.bfloat16()).@float();
        Tensor Products(Tensor x, Tensor w) => Convolution.Products(convolution, x, w, null);
        Assert.Null(ConvolutionCheck.Compare(convolution, 8, 8, Right, Precision.Bf16));
        Assert.NotNull(ConvolutionCheck.Compare(convolution, 8, 8, Right));
        Assert.NotNull(ConvolutionCheck.Compare(convolution, 8, 8, (x, w) => Right(x, w) * 1.05, Precision.Bf16));
    }

    [Fact]
    public void Whether_the_processor_has_it_is_what_the_system_says()
    {
        var flags = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("flags", StringComparison.Ordinal)).Split(' ');
        Assert.Equal(flags.Contains("avx512_bf16") || flags.Contains("amx_bf16"), Autocast.Missing(DeviceType.CPU) is null);
    }

    private static Tensor Flat(Dictionary<string, Tensor> gradients)
        => cat(
        [
            .. gradients.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value.flatten().to(ScalarType.Float64)),
        ]);

    private static double Distance(Tensor exact, Tensor other)
        => ((exact - other).norm() / exact.norm()).to(ScalarType.Float64).item<double>();
}
