using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Models.Graph.Fused;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ConvexWeb.Tests.Training.Models;

/// <summary>
/// Locally connected layers: the kernel equals plain operators, and the nesting of CONV, LOCAL and FC (science.md S11.9, T.8).
/// </summary>
[Collection(TorchCollection.Name)]
public sealed class LocalLayerTests
{
    private static readonly ImageInput Images = new(3, 16, 16, 10);

    [Theory]
    [InlineData(3, 9, 1, 9, 2, 4, 5)]
    [InlineData(3, 9, 1, 9, 2, 0, 64)]
    [InlineData(5, 8, 7, 3, 1, 1, 70)]
    [InlineData(6, 7, 8, 3, 2, 1, 3)]
    [InlineData(1, 5, 4, 5, 1, 0, 130)]
    public void The_kernel_equals_plain_operators_with_its_gradients(int channels, int side, int outputs,
        int kernel, int stride, int pad, int batch)
    {
        foreach (var (type, allowed) in new[] { (ScalarType.Float64, 1e-12), (ScalarType.Float32, 1e-5) })
        {
            using var scope = NewDisposeScope();
            manual_seed(3);
            var local = new LocalOperation("local", 0, channels, outputs, kernel, stride, pad);
            var places = ((side + 2 * pad - kernel) / stride + 1) * ((side + 2 * pad - kernel) / stride + 1);
            var x = randn([batch, channels, side, side]).to(type);
            var w = randn([places, outputs, channels * kernel * kernel]).to(type);
            var pattern = arange(batch * outputs * places, ScalarType.Float64).mul(0.37).sin().view(batch, outputs, -1).to(type);
            var fused = Run((a, b) => FusedLocal.Apply(local, a, b)!);
            var plain = Run((a, b) => Execution.Local(local, a, b));
            foreach (var (one, other) in plain.Zip(fused))
                Assert.True((one - other).abs().max().to(ScalarType.Float64).item<double>()
                    <= allowed * one.abs().max().to(ScalarType.Float64).item<double>());
            using (no_grad())
                Assert.True((FusedLocal.Apply(local, x, w)! - plain[0]).abs().max().to(ScalarType.Float64).item<double>() < 1e-4);

            Tensor[] Run(Func<Tensor, Tensor, Tensor> layer)
            {
                var (a, b) = (x.clone().requires_grad_(true), w.clone().requires_grad_(true));
                var y = layer(a, b);
                FusedFunctions.Backward((y.flatten(2) * pattern).sum());
                return [y.detach(), a.grad!, b.grad!];
            }
        }
    }

    [Theory]
    [InlineData(3, 1, 1)]
    [InlineData(5, 2, 2)]
    [InlineData(3, 2, 0)]
    public void A_filter_for_each_channel_in_float64_is_libtorchs_convolution(int kernel, int stride, int pad)
    {
        using var scope = NewDisposeScope();
        manual_seed(8);
        var operation = new Conv2dOperation("conv", 0, 6, 6, kernel, stride, pad, 6);
        var (x, w) = (randn([3, 6, 9, 10], ScalarType.Float64), randn([6, 1, kernel, kernel], ScalarType.Float64));
        var bias = randn([6], ScalarType.Float64);
        var expected = F.conv2d(x, w, bias, [stride, stride], [pad, pad], groups: 6);
        Assert.True((expected - Convolution.Depthwise(operation, x, w, bias)).abs().max().item<double>() < 1e-12);
    }

    [Fact]
    public void What_does_not_fit_is_left_to_plain_operators()
    {
        using var scope = NewDisposeScope();
        var local = new LocalOperation("local", 0, 3, 2, 3, 1, 1);
        Assert.Null(FusedLocal.Apply(local, randn(2, 4, 5, 5), randn(25, 2, 27)));
        Assert.Null(FusedLocal.Apply(local, randn(2, 3, 5, 5), randn(24, 2, 27)));
        Assert.NotNull(FusedLocal.Apply(local, randn(2, 3, 5, 5), randn(25, 2, 27)));
    }

    [Theory]
    [InlineData(SdNetKind.SConv, SdNetKind.SLocal, SdNetPadding.Same)]
    [InlineData(SdNetKind.SConv, SdNetKind.SLocal, SdNetPadding.Valid)]
    [InlineData(SdNetKind.DConv, SdNetKind.DLocal, SdNetPadding.Same)]
    public void T8_LOCAL_with_weights_tied_over_places_is_CONV(SdNetKind conv, SdNetKind local, SdNetPadding padding)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        manual_seed(5);
        using var first = Network(conv, padding);
        using var second = Network(local, padding);
        var from = first.state_dict();
        foreach (var (name, tensor) in second.state_dict())
            tensor.copy_(tensor.ndim == 3 ? from[name].flatten(1).unsqueeze(0).expand(tensor.shape) : from[name]);
        var x = randn([4, 3, 16, 16], ScalarType.Float64);
        AssertSame(first, second, x);

        // The negative control: one place that differs.
        second.state_dict()["layer1.weight"].select(0, 0).add_(5);
        Assert.True((first.forward(x) - second.forward(x)).abs().max().item<double>() > 1e-7);
    }

    // The linear maps before normalisation, which LOCAL shares over places and FC has for each unit.
    [Theory]
    [InlineData(SdNetKind.SLocal, SdNetKind.SFc, 1)]
    [InlineData(SdNetKind.DLocal, SdNetKind.DFc, 8)]
    public void T8_FC_with_LOCALs_sparsity_and_weights_is_LOCAL(SdNetKind local, SdNetKind full, int layers)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        manual_seed(6);
        using var first = Network(local, SdNetPadding.Same);
        using var second = Network(full, SdNetPadding.Same);
        var shape = Images.Shape.ToArray();
        var steps = first.Plan.Steps.Where(step => step.Operation is LocalOperation).ToList();
        Assert.Equal(layers, steps.Count);
        foreach (var step in steps)
        {
            var operation = (LocalOperation)step.Operation;
            var weight = first.state_dict()[operation.Name + ".weight"];
            var dense = second.state_dict()[operation.Name + ".weight"].zero_();
            // A dense row for each place: the layer's answer to each unit image.
            var size = shape.Aggregate(1L, (a, b) => a * b);
            dense.copy_(Execution.Local(operation, eye(size, dtype: ScalarType.Float64).view([size, .. shape]), weight).flatten(1).t());
            if (step == steps[0]) Assert.InRange(dense.ne(0).to(ScalarType.Float64).mean().item<double>(), 0.01, 0.4);
            var x = randn([5, .. shape], ScalarType.Float64);
            var (one, other) = (Execution.Local(operation, x, weight).flatten(1), F.linear(x.flatten(1), dense));
            Assert.True((one - other).abs().max().item<double>() < 1e-10, operation.Name);
            dense[0, 0] += 1;
            Assert.True((one - F.linear(x.flatten(1), dense)).abs().max().item<double>() > 1e-3);
            shape = [.. step.Output.Shape];
        }
    }

    private static PlanNetwork Network(SdNetKind kind, SdNetPadding padding)
    {
        var network = new PlanNetwork(
            new SdNetOptions { Kind = kind, Alpha = 2, Padding = padding }.Plan(new NoConvexityOptions(), Images));
        TorchSharp.ModuleExtensionMethods.to(network, ScalarType.Float64);
        network.eval();
        return network;
    }

    private static void AssertSame(PlanNetwork first, PlanNetwork second, Tensor x)
        => Assert.True((first.forward(x) - second.forward(x)).abs().max().item<double>() < 1e-10);
}
