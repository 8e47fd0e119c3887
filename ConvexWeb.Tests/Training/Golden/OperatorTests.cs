using System.Reflection;
using ConvexWeb.Training.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training.Golden;

/// <summary>Every wrapped operator gives PyTorch's numbers, forward and backward, in both precisions.</summary>
[Collection(TorchCollection.Name)]
public sealed class OperatorTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> golden = SafeTensors.Load(Path.Combine(AppContext.BaseDirectory, "Training/Golden/operators.safetensors")).Tensors;

    public void Dispose() => scope.Dispose();

    public static TheoryData<string, string> CasesAndTypes()
    {
        var data = new TheoryData<string, string>();
        foreach (var name in Operators.Cases.Keys)
        {
            data.Add(name, "f32");
            data.Add(name, "f64");
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(CasesAndTypes))]
    public void Gives_the_numbers_of_PyTorch(string name, string type)
    {
        var key = $"{name}/{type}";
        var inputs = Enumerable.Range(0, 10).TakeWhile(i => golden.ContainsKey($"{key}/in{i}")).Select(i => golden[$"{key}/in{i}"].clone()).ToArray();
        Assert.NotEmpty(inputs);
        for (var i = 0; i < inputs.Length; i++) inputs[i].requires_grad = golden.ContainsKey($"{key}/grad{i}");

        var output = Operators.Cases[name].Compute(inputs);
        AssertClose(golden[$"{key}/out"], output, type, "output");

        if (!golden.TryGetValue($"{key}/seed", out var seed)) return;
        if (output.requires_grad) (output * seed).sum().backward();
        for (var i = 0; i < inputs.Length; i++)
        {
            if (!golden.TryGetValue($"{key}/grad{i}", out var expected)) continue;
            // An operator that forgets its input has a gradient of zero in PyTorch, and none here where nothing was recorded.
            AssertClose(expected, inputs[i].grad ?? zeros_like(inputs[i]), type, $"gradient {i}");
        }
    }

    [Fact]
    public void The_golden_file_has_exactly_the_cases_of_the_table()
        => Assert.Equal(Operators.Cases.Keys.Order(), golden.Keys.Select(k => k.Split('/')[0]).Distinct().Order());

    [Fact]
    public void Every_wrapped_operator_is_covered()
    {
        // What makes, moves or disposes tensors without computing, and what draws random numbers.
        string[] exempt =
        [
            "to", "uniform_", "normal_", "bernoulli_", "rand", "randn", "requires_grad_", "DetachFromDisposeScope", "MoveToOuterDisposeScope",
            "empty", "zeros", "ones", "full", "arange", "eye", "zeros_like", "empty_like", "from_array",
        ];
        var covered = Operators.Cases.Values.SelectMany(c => c.Covers).Concat(exempt).ToHashSet();
        var wrapped = new[] { typeof(Tensor), typeof(torch), typeof(nn.functional), typeof(linalg) }
            .SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(m => !m.IsSpecialName && (m.ReturnType == typeof(Tensor) || m.ReturnType.Name.StartsWith("ValueTuple", StringComparison.Ordinal)))
            .Select(m => m.Name).Distinct();
        Assert.Empty(wrapped.Except(covered));
    }

    private static void AssertClose(Tensor expected, Tensor actual, string type, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.Equal(expected.dtype, actual.dtype);
        var difference = (expected.to(ScalarType.Float64) - actual.detach().to(ScalarType.Float64)).abs();
        var allowed = expected.to(ScalarType.Float64).abs() * (type == "f32" ? 1e-5 : 1e-12) + (type == "f32" ? 1e-6 : 1e-13);
        Assert.True((difference - allowed).max().item<double>() <= 0, $"{what} differs by up to {difference.max().item<double>()}");
    }
}
