using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Kernels;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Models.Graph.Fused;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Kernels and the ground that they stand on: threads, products, the loader, libtorch's own convolutions.</summary>
[Collection(TorchCollection.Name)]
public sealed class KernelTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(8, 48, 5)]
    [InlineData(9, 49, 7)]
    [InlineData(128, 96, 96)]
    [InlineData(37, 12, 48)]
    [InlineData(5, 100, 600)]
    [InlineData(16, 31, 513)]
    public unsafe void A_small_product_is_libtorchs_product(int m, int n, int k)
    {
        foreach (var (transposeA, add) in new[] { (false, false), (true, true), (false, true), (true, false) })
        {
            foreach (var (type, allowed) in new[] { (ScalarType.Float32, 1e-5), (ScalarType.Float64, 1e-13) })
            {
                using var scope = NewDisposeScope();
                manual_seed(1);
                Tensor a = randn(transposeA ? [k, m] : [m, k], type), b = randn([k, n], type), c = randn([m, n], type);
                var expected = (transposeA ? a.t() : a).mm(b) + (add ? c : 0 * c);
                void* x = LibtorchNative.Data(a), y = LibtorchNative.Data(b), z = LibtorchNative.Data(c);
                if (type == ScalarType.Float32) Gemm.Multiply(transposeA, m, n, k, (float*)x, (float*)y, add ? 1f : 0f, (float*)z);
                else Gemm.Multiply(transposeA, m, n, k, (double*)x, (double*)y, add ? 1.0 : 0.0, (double*)z);
                var difference = ((c - expected).abs().max() / expected.abs().max().clamp(min: 1)).to(ScalarType.Float64).item<double>();
                Assert.True(difference < allowed, $"{type} {transposeA} {add}: {difference}");
            }
        }
    }

    [Fact]
    public unsafe void A_loop_covers_each_item_once_on_libtorchs_threads()
    {
        var counts = stackalloc int[1000];
        new Span<int>(counts, 1000).Clear();
        KernelPool.For(1000, 1, &Count, counts);
        Assert.All(new Span<int>(counts, 1000).ToArray(), count => Assert.Equal(1, count));
    }

    private static unsafe void Count(void* state, long from, long to, int thread)
    {
        for (var i = from; i < to; i++) Interlocked.Increment(ref ((int*)state)[i]);
    }

    [Fact]
    public void NaN_goes_through_every_activation_of_a_norm()
    {
        using var scope = NewDisposeScope();
        var x = randn([2, 3, 20]);
        x[1, 2, 3] = float.NaN;
        foreach (var function in new[] { ActivationFunction.Identity, ActivationFunction.Relu, ActivationFunction.Elu })
        {
            Tensor[] w = [ones([20]), zeros([20])], running = [zeros([20]), ones([20]), zeros([], ScalarType.Int64)];
            var y = FusedNorm.Apply(new BatchNormOperation("bn", 0, 1e-5, 0.1), function, x, w, running)!;
            Assert.Equal(6, y.select(2, 3).isnan().sum().item<long>());
            Assert.Equal(6, y.isnan().sum().item<long>());
        }
    }

    [Fact]
    public void A_step_counts_and_mends_negative_weights_and_lets_NaN_through()
    {
        using var scope = NewDisposeScope();
        var parameter = nn.Parameter(from_array(new[] { -1f, 2f, float.NaN, -3f }));
        using var network = new OneWeight(parameter);
        var constraint = new ConvexWeb.Training.Convexity.Constraint(
            ConvexWeb.Training.Convexity.ConstraintKind.Clip, 0, new HashSet<string> { "w" });
        using var optimizer = new ConvexWeb.Training.Optimizers.Optimizer(
            network, new ConvexWeb.Training.Optimizers.SgdOptions { Momentum = 0 }, constraint);
        parameter.grad = zeros([4]);
        optimizer.Step(0.1);
        Assert.Equal([0f, 2f, float.NaN, 0f], parameter.data<float>().ToArray());
        Assert.Equal(2, optimizer.TakeNegatives());
    }

    [Fact]
    public void An_error_in_a_backward_pass_is_thrown_after_it()
    {
        using var scope = NewDisposeScope();
        var x = ones([3], requires_grad: true);
        var y = Failing.apply(x, new Failing.Layer());
        var error = Assert.ThrowsAny<Exception>(() => FusedFunctions.Backward(y.sum()));
        Assert.Contains("on purpose", error.Message);
        // The next pass is not affected, whatever libtorch itself said of the first.
        FusedFunctions.Backward(ones([2], requires_grad: true).sum());

        // Libtorch's own errors come through, and leave nothing behind either.
        var vector = ones([2], requires_grad: true) * 2;
        Assert.ThrowsAny<Exception>(() => FusedFunctions.Backward(vector));
        FusedFunctions.Backward(ones([2], requires_grad: true).sum());
    }

    [Fact]
    public void What_a_layer_saved_and_somebody_changed_is_an_error_and_not_the_end_of_the_process()
    {
        using var scope = NewDisposeScope();
        var x = MemoryLayout.ChannelsLast(randn([2, 16, 4, 4])).requires_grad_(true);
        var convolution = new Conv2dOperation("conv", 0, 16, 16, 3, 1, 1, 1);
        var weight = randn([16, 16, 3, 3], requires_grad: true);
        var y = FusedConvolution.Apply(convolution, ActivationFunction.Relu, x, [weight])!;
        using (no_grad()) weight.add_(1);

        var error = Assert.ThrowsAny<Exception>(() => FusedFunctions.Backward(y.sum()));

        Assert.Contains("modified by an inplace operation", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Products_that_are_wrong_in_one_orientation_or_not_numbers_are_found()
    {
        using var scope = NewDisposeScope();
        static Tensor Wrong(Tensor y, bool isWrong) => isWrong ? y * 1.001 : y;
        Func<Tensor, Tensor, Tensor>[] faults =
        [
            (a, b) => Wrong(a.mm(b), !a.is_contiguous()),
            (a, b) => Wrong(a.mm(b), !b.is_contiguous()),
            (a, b) => Wrong(a.mm(b), a.is_contiguous() && b.is_contiguous()),
            (a, b) => a.shape[0] == 256 ? a.mm(b) * float.NaN : a.mm(b),
        ];
        Assert.All(faults, fault => Assert.False(MatrixProducts.Error([fault]) < 1e-5));
        Assert.True(MatrixProducts.Error([(a, b) => a.to(ScalarType.Float64).mm(b.to(ScalarType.Float64))]) < 1e-12);
        // The check permits oneDNN; whoever asks it decides.
        LibtorchNative.AllowReducedProducts(false);
    }

    [Fact]
    public void A_wrong_convolution_would_be_found()
    {
        var c = new Conv2dOperation("conv", 0, 24, 40, 3, 1, 1, 1);
        Assert.True(ConvolutionCheck.Compare(c, 8, 8, (x, w) => Convolution.Products(c, x, w, null)) is null);
        // The negative control: one output channel is off.
        var wrong = ConvolutionCheck.Compare(c, 8, 8, (x, w) =>
            Convolution.Products(c, x, w, null) * (arange(40).eq(7).to(ScalarType.Float32) * 0.01 + 1).view(-1, 1, 1));
        Assert.Contains("24 to 40 channels", wrong);
        // Whose gradients are right, and whose result is none.
        Assert.NotNull(ConvolutionCheck.Compare(
            c, 8, 8, (x, w) => Convolution.Products(c, x, w, null) + full([1], x.dtype == ScalarType.Float64 ? 0 : float.NaN)));
    }

    [Theory]
    [InlineData(24, 40, 3, 1, 1)]
    [InlineData(1, 24, 3, 1, 1)]
    [InlineData(192, 100, 1, 1, 1)]
    [InlineData(48, 12, 3, 1, 1)]
    [InlineData(33, 33, 3, 2, 33)]
    public void A_networks_convolution_is_exact_whatever_the_library_does(int from, int to, int kernel, int stride, int groups)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var c = new Conv2dOperation("conv", 0, from, to, kernel, stride, kernel / 2, groups);
        var (x, w) = (randn([3, from, 9, 9], ScalarType.Float64), randn([to, from / groups, kernel, kernel], ScalarType.Float64));
        var exact = Convolution.Products(c, x, w, null);
        var ours = Execution.Run(c, [x.to(ScalarType.Float32)], [w.to(ScalarType.Float32)], [], new(Training: false))
            .to(ScalarType.Float64);
        Assert.True((ours - exact).abs().max().item<double>() / exact.abs().max().item<double>() < 1e-5);
    }

    [Fact]
    public void A_generators_state_of_a_wrong_form_is_refused_before_libtorch_sees_it()
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<SafeTensorsException>(() => GeneratorState.Restore(zeros([5056]), "last.safetensors"));
        Assert.Contains("uint8", error.Message);
        Assert.Throws<SafeTensorsException>(() => GeneratorState.Restore(zeros([12], ScalarType.Byte), "last.safetensors"));
    }

    [Fact]
    public void The_loader_marks_one_version_as_optional_and_nothing_else()
    {
        var path = Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so");
        byte[] before = File.ReadAllBytes(path), after = [.. before];
        Assert.True(LibtorchLoader.MakeOptional(after, "GLIBCXX_3.4.32"));
        Assert.Equal(1, before.Zip(after).Count(pair => pair.First != pair.Second));
        Assert.False(LibtorchLoader.MakeOptional(after, "GLIBCXX_9.9.99"));
    }

    [Fact]
    public void The_library_of_products_is_measured_once_and_kept()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            var first = MatrixProducts.Choose(folder, TimeProvider.System);
            Assert.Equal(first, MatrixProducts.Choose(folder, TimeProvider.System));
            if (Directory.GetFiles(folder) is [var file])
            {
                File.WriteAllText(file, "MKL (by hand)");
                Assert.Equal("float32 products by MKL (by hand)", MatrixProducts.Choose(folder, TimeProvider.System));
            }
        }
        finally
        {
            LibtorchNative.AllowReducedProducts(false);
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed class OneWeight : nn.Module
    {
        public OneWeight(TorchSharp.Modules.Parameter parameter) : base("one") => register_parameter("w", parameter);
    }

    private sealed class Failing : FusedFunction<Failing, Failing.Layer>
    {
        internal sealed class Layer;

        protected override (Tensor Output, List<Tensor> Saved) Forward(Layer layer, Tensor[] inputs) => (inputs[0] * 2, []);

        protected override List<Tensor> Backward(Layer layer, Tensor gradient, List<Tensor> saved)
            => throw new InvalidOperationException("on purpose");
    }
}
