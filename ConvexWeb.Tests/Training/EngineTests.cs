using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>What we rely on of TorchSharp: errors, lifetimes, modes.</summary>
[Collection(TorchCollection.Name)]
public sealed class EngineTests
{
    [Fact]
    public void A_wrong_shape_is_an_exception_with_libtorchs_words()
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<ExternalException>(() => zeros([2, 3]).mm(zeros([2, 3])));
        Assert.Contains("mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)", error.Message);
    }

    [Fact]
    public void More_memory_than_there_is_is_an_exception()
        => Assert.Throws<ExternalException>(() => empty([1L << 50]));

    [Fact]
    public void A_disposed_tensor_is_refused()
    {
        var tensor = zeros(2);
        tensor.Dispose();
        Assert.Throws<InvalidOperationException>(() => tensor.add(1));
    }

    [Fact]
    public void Backward_of_a_tensor_without_a_graph_is_an_exception()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ExternalException>(() => zeros(1).sum().backward());
    }

    [Fact]
    public void A_scope_disposes_what_was_made_in_it_and_nothing_else()
    {
        // Tensors that earlier tests left to the finalizer must not be freed in between.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = LiveTensors.Count();
        Tensor kept;
        using (NewDisposeScope())
        {
            var a = rand([4, 4]);
            using (NewDisposeScope()) kept = a.mm(a).relu().MoveToOuterDisposeScope();
            Assert.Equal(before + 2, Tensor.TotalCount);
            kept.DetachFromDisposeScope();
        }
        Assert.Equal(before + 1, Tensor.TotalCount);
        kept.Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void No_grad_records_nothing_and_ends_with_its_scope()
    {
        using var scope = NewDisposeScope();
        var x = zeros(2, requires_grad: true);
        using (no_grad()) Assert.False(x.add(1).requires_grad);
        Assert.True(x.add(1).requires_grad);
    }

    [Fact]
    public void The_generators_state_repeats_what_was_drawn()
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        var state = Generator.Default.get_state();
        var first = rand([5]).data<float>().ToArray();
        Generator.Default.set_state(state);
        Assert.Equal(first, rand([5]).data<float>().ToArray());
    }

    [Fact]
    public void Modules_have_PyTorchs_state_dict_names()
    {
        using var network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2));
        Assert.Equal(
            ["0.weight", "0.bias", "1.weight", "1.bias", "4.weight", "4.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"],
            network.state_dict().Keys);
    }

    [Fact]
    public void A_module_converts_to_float64_whole()
    {
        using var scope = NewDisposeScope();
        using var network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).to(ScalarType.Float64);
        Assert.Equal(ScalarType.Float64, network.forward(rand([5, 3], ScalarType.Float64)).dtype);
        Assert.True(network.parameters().All(p => p.requires_grad));
    }
}
