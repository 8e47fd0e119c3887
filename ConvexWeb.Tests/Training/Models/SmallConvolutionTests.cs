using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Kernels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Models.Graph.Fused;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ConvexWeb.Tests.Training.Models;

/// <summary>Convolutions of few channels with their pool: the kernel equals libtorch's layers, with gradients.</summary>
[Collection(TorchCollection.Name)]
public sealed class SmallConvolutionTests
{
    [Theory]
    [InlineData(1, 28, 28, 16, 4, 2, 32, false)]
    [InlineData(16, 12, 12, 16, 3, 2, 32, true)]
    [InlineData(16, 5, 5, 16, 3, 1, 32, true)]
    [InlineData(4, 9, 7, 8, 3, 2, 5, true)]
    [InlineData(8, 6, 6, 4, 2, 2, 40, true)]
    [InlineData(3, 8, 9, 12, 5, 1, 70, false)]
    public void The_kernel_equals_libtorchs_layers_with_their_gradients(
        int channels, int height, int width, int outputs, int kernel, int pool, int batch, bool toInput)
    {
        foreach (var (type, allowed) in new[] { (ScalarType.Float64, 1e-12), (ScalarType.Float32, 1e-5) })
        {
            using var scope = NewDisposeScope();
            manual_seed(3);
            var convolution = new Conv2dOperation("conv", 0, channels, outputs, kernel, 1, 0, 1);
            var max = pool == 1 ? null : new MaxPoolOperation("pool", 1, 2, 2, 0, false);
            var x = randn([batch, channels, height, width]).to(type);
            var (w, bias) = (randn([outputs, channels, kernel, kernel]).to(type), randn([outputs]).to(type));
            var plain = Run((a, b, c) => pool == 1 ? F.conv2d(a, b, c) : F.max_pool2d(F.conv2d(a, b, c), [2, 2], [2, 2]));
            var fused = Run((a, b, c) => FusedSmallConvolution.Apply(convolution, max, a, [b, c])!);
            foreach (var (one, other) in plain.Zip(fused))
                Assert.True((one - other).abs().max().to(ScalarType.Float64).item<double>()
                    <= allowed * one.abs().max().to(ScalarType.Float64).item<double>());
            using (no_grad())
                Assert.True((FusedSmallConvolution.Apply(convolution, max, x, [w, bias])! - plain[0]).abs().max()
                    .to(ScalarType.Float64).item<double>() < 1e-4);

            Tensor[] Run(Func<Tensor, Tensor, Tensor, Tensor> layers)
            {
                var a = x.clone().requires_grad_(toInput);
                var (b, c) = (w.clone().requires_grad_(true), bias.clone().requires_grad_(true));
                var y = layers(a, b, c);
                var pattern = arange(y.numel(), ScalarType.Float64).mul(0.37).sin().view(y.shape).to(type);
                FusedFunctions.Backward((y.leaky_relu(0.3) * pattern).sum());
                return toInput ? [y.detach(), a.grad!, b.grad!, c.grad!] : [y.detach(), b.grad!, c.grad!];
            }
        }
    }

    // Digits have large black areas: windows of equal values, of which the first takes the gradient, as in libtorch.
    [Fact]
    public void Of_equal_values_in_a_window_the_first_takes_the_gradient_and_a_NaN_is_kept()
    {
        using var scope = NewDisposeScope();
        var convolution = new Conv2dOperation("conv", 0, 4, 4, 2, 1, 0, 1);
        var max = new MaxPoolOperation("pool", 1, 2, 2, 0, false);
        var plain = Gradient((a, b) => F.max_pool2d(F.conv2d(a, b), [2, 2], [2, 2]));
        Assert.True(plain.equal(Gradient((a, b) => FusedSmallConvolution.Apply(convolution, max, a, [b])!)).all().item<bool>());
        using var quiet = no_grad();
        var x = zeros([2, 4, 5, 5]);
        x[1, 2, 3, 3] = float.NaN;
        var y = FusedSmallConvolution.Apply(convolution, max, x, [ones([4, 4, 2, 2])])!;
        Assert.False(y[0].isnan().any().item<bool>());
        Assert.True(y[1].isnan().any().item<bool>());

        static Tensor Gradient(Func<Tensor, Tensor, Tensor> layers)
        {
            var a = zeros([2, 4, 5, 5]).requires_grad_(true);
            FusedFunctions.Backward(layers(a, ones([4, 4, 2, 2])).sum());
            return a.grad!;
        }
    }

    [Fact]
    public void The_annealed_network_takes_it_and_has_the_same_logits_and_gradients_without()
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        using var network = new PlanNetwork(new AnnealCnnOptions().Plan(new NoConvexityOptions(), new ImageInput(1, 28, 28, 10)));
        network.SetAngle(0.5);
        var x = rand([32, 1, 28, 28]);
        var fused = Run();
        KernelSwitch.On = KernelKind.All & ~KernelKind.SmallConvolution;
        try
        {
            foreach (var (one, other) in fused.Zip(Run())) Assert.True((one - other).abs().max().item<float>() < 1e-5);
        }
        finally
        {
            KernelSwitch.On = KernelKind.All;
        }

        List<Tensor> Run()
        {
            network.zero_grad();
            var logits = network.forward(x);
            FusedFunctions.Backward(F.cross_entropy(logits, arange(32, ScalarType.Int64) % 10));
            return [logits.detach(), .. network.parameters().Select(p => p.grad!.clone())];
        }
    }

    [Fact]
    public void What_does_not_fit_is_left_to_libtorch()
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        Tensor? Apply(Conv2dOperation c, MaxPoolOperation? pool = null)
            => FusedSmallConvolution.Apply(c, pool, rand([2, c.In, 9, 9]), [rand([c.Out, c.In, c.Kernel, c.Kernel])]);
        Assert.NotNull(Apply(new("conv", 0, 4, 8, 3, 1, 0, 1)));
        Assert.Null(Apply(new("conv", 0, 4, 6, 3, 1, 0, 1)));
        Assert.Null(Apply(new("conv", 0, 4, 8, 3, 2, 0, 1)));
        Assert.Null(Apply(new("conv", 0, 4, 8, 3, 1, 1, 1)));
        Assert.Null(Apply(new("conv", 0, 64, 8, 3, 1, 0, 1)));
        Assert.Null(Apply(new("conv", 0, 4, 8, 3, 1, 0, 1), new("pool", 1, 3, 2, 0, false)));
    }
}
