using System.Text.Json;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Models.Graph.Fused;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training.Golden;

/// <summary>
/// Two epochs of the corrected recipes of DenseNet and CycleMLP go where PyTorch code goes that was written from science.md
/// (<c>make_trajectories.py</c>): same start, same order, same rates.
/// </summary>
[Collection(TorchCollection.Name)]
[Trait("kind", "slow")]
public sealed class TrajectoryGoldenTests
{
    private const int Images = 32, Batch = 8;

    private static readonly JsonElement[] Stored =
    [
        .. JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Training/Golden/trajectories.json")))
            .RootElement.EnumerateArray(),
    ];

    public static TheoryData<string, bool> All()
    {
        var data = new TheoryData<string, bool>();
        foreach (var one in Stored)
        {
            data.Add(one.GetProperty("name").GetString()!, true);
            data.Add(one.GetProperty("name").GetString()!, false);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Ends_where_PyTorch_ends(string name, bool exact)
    {
        using var scope = NewDisposeScope();
        var stored = Stored.Single(one => one.GetProperty("name").GetString() == name);
        var (isCycle, ioc) = (stored.GetProperty("model").GetString() == "cycle_mlp", stored.GetProperty("ioc").GetBoolean());
        var (preset, epochs) = (Presets.Find(isCycle ? "cycle-mlp-cifar10" : "densenet-cifar10")!, isCycle ? 300 : 2);
        var spec = preset.Spec with
        {
            Model = isCycle
                ? (CycleMlpOptions)preset.Spec.Model with { Size = CycleMlpSize.Tiny, DropPath = 0 }
                : (DenseNetOptions)preset.Spec.Model with { Variant = DenseNetVariant.Bc40_12, Dropout = 0 },
            Convexity = ioc ? new ExpEpsOptions() : new NoConvexityOptions(),
            Schedule = isCycle ? preset.Spec.Schedule : new MultiStepScheduleOptions { Milestones = [1] },
        };
        var side = stored.GetProperty("side").GetInt32();
        var type = exact ? ScalarType.Float64 : ScalarType.Float32;
        using var network = new PlanNetwork(spec.Model.Plan(spec.Convexity, new(3, side, side, 10)));
        var constrained = stored.GetProperty("constrained").EnumerateArray().Select(n => n.GetString()!).ToHashSet();
        var constraint = Constraint.Of(spec.Convexity, network.Plan.CoveredTensors);
        Assert.Equal(constrained.Order(), constraint.Covered.Order());
        Fill(network, ioc);
        if (exact) TorchSharp.ModuleExtensionMethods.to(network, ScalarType.Float64);
        network.train();
        var start = network.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach().to(ScalarType.Float64, copy: true));
        using var optimizer = new Optimizer(network, spec.Optimizer, constraint);

        var images = Filling.Numbers("trajectory", [Images, 3, side, side]).add(1).div(2).to(ScalarType.Float32).to(type);
        var labels = arange(Images, ScalarType.Int64) * 7 % 10;
        var (losses, rates) = (Numbers(stored, "losses"), Numbers(stored, "rates"));
        // In float32 as near as twenty times PyTorch's own float32 has been so far: its noise grows with every step.
        var (rough, noise, step) = (Numbers(stored, "float32_losses"), 2e-5, 0);
        foreach (var epoch in stored.GetProperty("epochs").EnumerateArray().Select(e => e.GetInt32()))
        {
            var order = (arange(Images, ScalarType.Int64) * 5 + 3 * epoch) % Images;
            for (var b = 0; b < Images / Batch; b++, step++)
            {
                using var inner = NewDisposeScope();
                var index = order.narrow(0, b * Batch, Batch);
                var factor = LearningRate.Factor(spec.Schedule, epoch * (Images / Batch) + b, Images / Batch, epochs);
                Assert.Equal(rates[step], spec.Optimizer.BaseLr * factor, 1e-9 * rates[step]);
                var loss = nn.functional.cross_entropy(
                    network.forward(images.index_select(0, index)), labels.index_select(0, index),
                    label_smoothing: spec.Training.LabelSmoothing);
                FusedFunctions.Backward(loss);
                optimizer.Step(spec.Optimizer.BaseLr * factor);
                noise = Math.Max(noise, 20 * Math.Abs(rough[step] - losses[step]));
                Assert.Equal(losses[step], loss.to(ScalarType.Float64).item<double>(), exact ? 1e-9 : noise);
            }
        }
        Assert.Equal(losses.Length, step);
        if (exact) AssertWays(stored.GetProperty("ways"), network, start);
    }

    // Of each parameter how far it went, and in which direction.
    private static void AssertWays(JsonElement ways, PlanNetwork network, Dictionary<string, Tensor> start)
    {
        var all = ways.EnumerateObject().ToDictionary(way => way.Name, way => (way.Value[0].GetDouble(), way.Value[1].GetDouble()));
        var parameters = network.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        Assert.Equal(all.Keys.Order(), parameters.Keys.Order());
        foreach (var (name, (length, probe)) in all)
        {
            using var scope = NewDisposeScope();
            var way = parameters[name].detach().to(ScalarType.Float64).sub(start[name]).flatten();
            var direction = Filling.Numbers("probe/" + name, [way.numel()]);
            var tolerance = 1e-6 * length + 1e-12;
            var went = way.norm().item<double>();
            Assert.True(Math.Abs(went - length) <= tolerance, $"{name} went {went}, not {length}");
            var apart = Math.Abs(way.dot(direction).item<double>() - probe);
            Assert.True(apart <= tolerance * Math.Sqrt(way.numel()), $"{name} went another way, by {apart} of {length}");
        }
    }

    private static void Fill(PlanNetwork network, bool ioc)
    {
        using var quiet = no_grad();
        var free = network.Plan.Steps.SelectMany(s => s.Tensors).Where(t => t.Multiplies && !t.Covered).Select(t => t.Name).ToHashSet();
        foreach (var (name, tensor) in network.state_dict())
            if (!name.EndsWith("num_batches_tracked", StringComparison.Ordinal))
                tensor.copy_(Filling.Value(name, tensor.shape, ioc, free, 1));
    }

    private static double[] Numbers(JsonElement stored, string name)
        => [.. stored.GetProperty(name).EnumerateArray().Select(n => n.GetDouble())];
}
