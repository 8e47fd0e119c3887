using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Optimizers;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace ConvexWeb.Tests.Training.Golden;

/// <summary>Eight steps of each rule, fused and plain, end where PyTorch's own optimizers end.</summary>
[Collection(TorchCollection.Name)]
public sealed class OptimizerGoldenTests
{
    private static readonly Dictionary<string, (OptimizerOptions Rule, double Lr, bool Constrained)> Cases = new()
    {
        ["sgd"] = (new SgdOptions { Momentum = 0, WeightDecay = 0, Nesterov = false }, 0.05, false),
        ["sgd momentum decay"] = (new SgdOptions { Momentum = 0.9, WeightDecay = 5e-4, Nesterov = false }, 0.05, false),
        ["sgd nesterov"] = (new SgdOptions { Momentum = 0.9, WeightDecay = 1e-4, Nesterov = true }, 0.05, true),
        ["adam"] = (new AdamOptions { Beta1 = 0.9, Beta2 = 0.999, Eps = 1e-8, WeightDecay = 0 }, 2e-3, true),
        ["adam decay"] = (new AdamOptions { Beta1 = 0.8, Beta2 = 0.99, Eps = 1e-6, WeightDecay = 0.01 }, 2e-3, false),
        ["beta_lasso prev"] = (new BetaLassoOptions { Beta = 40, LambdaFirst = 2e-3 }, 0.05, false),
        ["beta_lasso post"] = (new BetaLassoOptions { Beta = 40, LambdaFirst = 2e-3, SignAt = SignPlace.Post }, 0.05, false),
        ["adamw"] = (new AdamWOptions { Beta1 = 0.9, Beta2 = 0.999, Eps = 1e-8, WeightDecay = 0.05 }, 2e-3, true),
    };

    public static TheoryData<string, bool> CasesAndPaths()
    {
        var data = new TheoryData<string, bool>();
        foreach (var name in Cases.Keys)
        {
            data.Add(name, true);
            data.Add(name, false);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(CasesAndPaths))]
    public void Ends_where_PyTorch_ends(string name, bool fused)
    {
        using var scope = NewDisposeScope();
        var golden = SafeTensors.Load(Path.Combine(AppContext.BaseDirectory, "Training/Golden/optimizers.safetensors")).Tensors;
        Assert.Equal(Cases.Keys.Order(), golden.Keys.Select(k => k.Split('/')[0]).Distinct().Order());
        foreach (var (type, tolerance) in new[] { ("f32", 1e-6), ("f64", 1e-14) })
        {
            using var network = new OneWeight(golden[$"{name}/{type}/start"].clone());
            var (rule, lr, constrained) = Cases[name];
            var constraint = new Constraint(constrained ? ConstraintKind.ExpEps : ConstraintKind.Free, 5, new HashSet<string> { "w" });
            using var optimizer = new Optimizer(network, rule, constraint, fused);
            var gradients = golden[$"{name}/{type}/gradients"];
            for (var step = 0; step < 8; step++)
            {
                network.Weight.grad = gradients.select(0, step).clone();
                optimizer.Step(lr);
            }
            var difference = (network.Weight.detach() - golden[$"{name}/{type}/end"]).abs().max().to(ScalarType.Float64).item<double>();
            Assert.True(difference <= tolerance, $"{type}: {difference}");
        }
    }

    private sealed class OneWeight : nn.Module
    {
        public OneWeight(Tensor start) : base(nameof(OneWeight))
        {
            Weight = new Parameter(start);
            register_parameter("w", Weight);
        }

        public Parameter Weight { get; }
    }
}
