using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Models.Graph.Fused;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace ConvexWeb.Training.Cli;

/// <summary>
/// A network with one random batch and the optimizer of its recipe, for benchmarks: steps as the product takes them, or in eager
/// TorchSharp.
/// </summary>
internal sealed class BenchTraining : IDisposable
{
    public static readonly string[] Models =
        ["mlp", "mixer", "allconv", "densenet", "cycle_mlp", "mlp_1x512", "s_fc", "s_local", "anneal_cnn"];

    private readonly Spec spec;
    private readonly PlanNetwork network;
    private readonly Constraint constraint;
    private readonly Optimizers.Optimizer? ours;
    private readonly optim.Optimizer? eager;
    private readonly Parameter[] covered;
    private readonly Tensor images;
    private readonly Tensor labels;

    /// <param name="eager">
    /// Plain operators and TorchSharp's own optimizer, as users of TorchSharp write it; else the product's own step.
    /// </param>
    /// <param name="precision">In which the steps multiply.</param>
    public BenchTraining(string model, bool ioc, int batch, bool eager, Precision precision = Precision.Float32)
    {
        spec = SpecOf(model, ioc);
        Generator.Default.manual_seed(0);
        var info = DatasetInfo.Of(spec.Data);
        network = ModelFactory.Build(spec);
        network.Fused = !eager;
        network.Precision = precision;
        constraint = Constraint.Of(spec);
        covered = [.. network.named_parameters().Where(p => constraint.OperatorOf(p.name) != ConstraintKind.Free).Select(p => p.parameter)];
        if (eager) this.eager = TorchSharpsOwn(spec.Optimizer, network.parameters());
        else ours = new(network, spec.Optimizer, constraint);
        images = rand([batch, info.Channels, info.Height, info.Width]);
        labels = from_array(Enumerable.Range(0, batch).Select(i => i % 10L).ToArray());
    }

    public void Step()
    {
        using var scope = NewDisposeScope();
        if (eager is null)
        {
            FusedFunctions.Backward(nn.functional.cross_entropy(network.forward(images), labels));
            ours!.Step(spec.Optimizer.BaseLr);
            return;
        }
        eager.zero_grad();
        nn.functional.cross_entropy(network.forward(images), labels).backward();
        if (spec.Optimizer is BetaLassoOptions lasso) Lasso(lasso);
        else eager.step();
        foreach (var parameter in covered) Constraint.Apply(parameter, constraint.Kind, constraint.Eps);
    }

    // As Neyshabur's algorithm is written on top of SGD.
    private void Lasso(BetaLassoOptions lasso)
    {
        using (no_grad())
            foreach (var parameter in network.parameters()) parameter.grad!.add_(parameter.sign(), lasso.LambdaFirst);
        eager!.step();
        using (no_grad())
            foreach (var parameter in network.parameters()) parameter.mul_(parameter.abs().ge(lasso.Beta * lasso.LambdaFirst));
    }

    private static optim.Optimizer TorchSharpsOwn(Optimizers.OptimizerOptions options, IEnumerable<Parameter> parameters) => options switch
    {
        BetaLassoOptions b => optim.SGD(parameters, b.Lr),
        SgdOptions s => optim.SGD(parameters, s.Lr, s.Momentum, weight_decay: s.WeightDecay, nesterov: s.Nesterov),
        AdamWOptions w => optim.AdamW(parameters, w.Lr, w.Beta1, w.Beta2, w.Eps, w.WeightDecay),
        AdamOptions a => optim.Adam(parameters, a.Lr, a.Beta1, a.Beta2, a.Eps, a.WeightDecay),
        _ => throw new NotSupportedException(options.GetType().Name),
    };

    private static Spec SpecOf(string model, bool ioc)
    {
        var spec = new Spec { Data = new Cifar10Options(), Convexity = ioc ? new ExpEpsOptions() : new NoConvexityOptions() };
        return model switch
        {
            "mixer" => spec with
            {
                Model = new MixerOptions { Mode = Fidelity.Seed },
                Data = new Cifar10Options { Resize = 72 },
                Optimizer = new AdamOptions { Lr = 1e-3 },
            },
            "mlp_1x512" => spec with
            {
                Model = new MlpOptions { Width = 512, Depth = 1, BatchNorm = false },
                Data = new Cifar10Options { Crop = 28 },
                Optimizer = new SgdOptions { Lr = 0.01 },
            },
            "s_fc" => spec with { Model = new SdNetOptions(), Optimizer = new BetaLassoOptions() },
            "s_local" => spec with
            {
                Model = new SdNetOptions { Kind = SdNetKind.SLocal },
                Optimizer = new SgdOptions { Lr = 0.1, Momentum = 0 },
            },
            "anneal_cnn" => spec with
            {
                Model = new AnnealCnnOptions(),
                Data = new MnistOptions(),
                Optimizer = new AdamOptions { Lr = 1e-3 },
            },
            "allconv" => spec with
            {
                Model = new AllConvOptions(),
                Optimizer = new SgdOptions { Lr = ioc ? 0.01 : 0.05, Nesterov = true, WeightDecay = ioc ? 0 : 1e-3 },
            },
            "densenet" => spec with { Model = new DenseNetOptions(), Optimizer = new SgdOptions { Nesterov = true, WeightDecay = 1e-4 } },
            "cycle_mlp" => spec with
            {
                Model = new CycleMlpOptions { Mode = Fidelity.Seed },
                Data = new Cifar10Options { Resize = 64 },
                Optimizer = new AdamWOptions { Lr = 5e-5, WeightDecay = 0.05 },
            },
            _ => spec,
        };
    }

    public void Dispose()
    {
        ours?.Dispose();
        eager?.Dispose();
        network.Dispose();
        images.Dispose();
        labels.Dispose();
    }
}
