using System.Text.Json;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace ConvexWeb.Tests.Training.Golden;

/// <summary>
/// Every model gives the logits, losses and gradients of independent PyTorch code (<c>torch_models.py</c>) for the same weights,
/// under the same names.
/// </summary>
[Collection(TorchCollection.Name)]
[Trait("kind", "slow")]
public sealed class ModelGoldenTests
{
    private static readonly JsonElement[] Cases =
    [
        .. JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Training/Golden/models.json")))
            .RootElement.GetProperty("cases").EnumerateArray(),
    ];

    private static JsonElement Case(string name) => Cases.Single(c => Name(c) == name);

    private static string Name(JsonElement entry) => entry.GetProperty("name").GetString()!;

    private static bool Trains(JsonElement entry) => entry.TryGetProperty("train", out var train) && train.GetBoolean();

    public static TheoryData<string> All() => [.. Cases.Select(Name)];

    public static TheoryData<string, bool> Evaluated()
    {
        var data = new TheoryData<string, bool>();
        foreach (var entry in Cases.Where(c => c.TryGetProperty("logits", out _) && !Trains(c)))
        {
            data.Add(Name(entry), false);
            data.Add(Name(entry), true);
        }
        return data;
    }

    public static TheoryData<string> Trained() => [.. Cases.Where(Trains).Select(Name)];

    [Theory]
    [MemberData(nameof(All))]
    public void Names_shapes_and_free_tensors_are_PyTorchs(string name)
    {
        var entry = Case(name);
        var plan = PlanOf(entry);
        var planned = plan.Steps.SelectMany(s => s.Tensors).ToList();
        Assert.Equal(entry.GetProperty("count").GetInt64(), planned.Sum(t => t.Count));
        var stored = entry.GetProperty("parameters").EnumerateArray()
            .Select(p => (p[0].GetString()!, string.Join(',', p[1].EnumerateArray())));
        Assert.Equal(stored.Order(), planned.Select(t => (t.Name, string.Join(',', t.Shape))).Order());
        if (!plan.IsConstrained) return;
        // Scales of norms are a choice of the spec; weights and coefficients are the source's, or the graph's.
        var free = entry.GetProperty("free").EnumerateArray().Select(f => f.GetString()!).ToHashSet();
        Assert.Equal(free.Order(), planned.Where(t => t.Multiplies && !t.Covered).Select(t => t.Name).Order());
    }

    [Theory]
    [MemberData(nameof(Evaluated))]
    public void Gives_PyTorchs_logits(string name, bool exact)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var entry = Case(name);
        using var network = Filled(entry, exact);
        network.eval();
        var logits = network.forward(Input(entry, exact));
        AssertClose(Expected(entry), logits, exact ? 1e-12 : 1e-5, name);
    }

    [Theory]
    [MemberData(nameof(Trained))]
    public void Gives_PyTorchs_loss_gradients_and_statistics_while_training(string name)
    {
        using var scope = NewDisposeScope();
        var entry = Case(name);
        using var network = Filled(entry, exact: true);
        var logits = network.forward(Input(entry, exact: true));
        AssertClose(Expected(entry), logits, 1e-11, name);
        var loss = nn.functional.cross_entropy(logits, from_array(Numbers(entry.GetProperty("targets")).Select(t => (long)t).ToArray()));
        loss.backward();
        Assert.Equal(entry.GetProperty("loss").GetDouble(), loss.item<double>(), 11);

        var parameters = network.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        var names = entry.GetProperty("parameters").EnumerateArray().Select(p => p[0].GetString()!);
        var expected = Numbers(entry.GetProperty("gradients"));
        // A gradient that batch normalisation cancels is rounding on both sides.
        var floor = expected.Max() * 1e-12;
        foreach (var (parameter, norm) in names.Zip(expected))
            Assert.True(
                Math.Abs(parameters[parameter].grad!.norm().item<double>() - norm) <= floor + 1e-8 * norm,
                $"{name}: gradient of {parameter}");

        var buffers = network.named_buffers().ToDictionary(b => b.name, b => b.buffer);
        var stored = entry.GetProperty("buffers").EnumerateArray().Select(b => b[0].GetString()!);
        foreach (var (buffer, norm) in stored.Zip(Numbers(entry.GetProperty("statistics"))))
            Assert.Equal(norm, buffers[buffer].norm().item<double>(), 1e-9 * Math.Max(1, norm));
    }

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(v => v.GetDouble())];

    private static Tensor Expected(JsonElement entry)
        => stack([.. entry.GetProperty("logits").EnumerateArray().Select(row => from_array(Numbers(row)))]);

    private static Tensor Input(JsonElement entry, bool exact)
        => Filling.Images([.. entry.GetProperty("input").EnumerateArray().Select(v => v.GetInt64())])
            .to(exact ? ScalarType.Float64 : ScalarType.Float32);

    private static PlanNetwork Filled(JsonElement entry, bool exact)
    {
        var plan = PlanOf(entry);
        var network = new PlanNetwork(plan);
        var free = entry.GetProperty("free").EnumerateArray().Select(f => f.GetString()!).ToHashSet();
        var factor = entry.TryGetProperty("gain", out var gain) ? gain.GetDouble() : 1;
        using (no_grad())
            foreach (var (name, tensor) in network.state_dict())
            {
                if (name.EndsWith("num_batches_tracked", StringComparison.Ordinal)) continue;
                tensor.copy_(Filling.Value(name, tensor.shape, plan.IsConstrained, free, factor, isBuffer: tensor is not Parameter));
            }
        if (exact) TorchSharp.ModuleExtensionMethods.to(network, ScalarType.Float64);
        return network;
    }

    private static Plan PlanOf(JsonElement entry)
    {
        var shape = entry.GetProperty("input").EnumerateArray().Select(v => v.GetInt32()).ToArray();
        var options = entry.GetProperty("options");
        T Choice<T>(string key, string otherwise) where T : Enum
            => (T)ChoiceWord.Find(typeof(T), options.TryGetProperty(key, out var value) ? value.GetString()! : otherwise)!;
        int? Number(string key) => options.TryGetProperty(key, out var value) ? value.GetInt32() : null;
        bool IsOn(string key, bool otherwise) => options.TryGetProperty(key, out var value) ? value.GetBoolean() : otherwise;
        // Dropout is off in the cases that train.
        var drop = Trains(entry) ? 0 : (double?)null;
        ModelOptions model = entry.GetProperty("model").GetString() switch
        {
            "mlp" => new MlpOptions
            {
                Width = Number("width") ?? 800,
                Depth = Number("depth") ?? 3,
                BatchNorm = IsOn("batch_norm", true),
            },
            "small_alexnet" => new SmallAlexNetOptions { Lrn = IsOn("lrn", true), BatchNorm = IsOn("batch_norm", false) },
            "small_inception" => new SmallInceptionOptions { BatchNorm = IsOn("batch_norm", true) },
            "wide_resnet" => new WideResNetOptions(),
            "resnet18" => new ResNet18Options { Width = Number("width") ?? 64, Kernel = Number("kernel") ?? 3 },
            "seed001_mlp" => new Seed001MlpOptions { Layout = Choice<Seed001Layout>("layout", "plain") },
            "seed001_cnn" => new Seed001CnnOptions(),
            "sd_net" => new SdNetOptions
            {
                Kind = Choice<SdNetKind>("kind", "s_fc"),
                Alpha = Number("alpha") ?? 1,
                Padding = Choice<SdNetPadding>("padding", "same"),
            },
            "anneal_cnn" => new AnnealCnnOptions
            {
                Pooling = Choice<AnnealPooling>("pooling", "between"),
                Theta = options.TryGetProperty("theta_mode", out var angle) && angle.GetString() is not "fixed" and { } mode
                    ? (AnnealAngle)ChoiceWord.Find(typeof(AnnealAngle), mode)! : AnnealAngle.Given,
            },
            "allconv" => new AllConvOptions { InputDropout = drop ?? 0.2, Dropout = drop ?? 0.5 },
            "densenet" => new DenseNetOptions { Variant = Choice<DenseNetVariant>("size", "bc_100_12") },
            "mixer" => new MixerOptions
            {
                Size = Choice<MixerSize>("size", "seed"),
                Mode = Choice<Fidelity>("mode", "seed"),
                FirstTokenMult = Number("first_token_mult"),
            },
            "cycle_mlp" => new CycleMlpOptions { Size = Choice<CycleMlpSize>("size", "b1"), Mode = Choice<Fidelity>("mode", "seed") },
            "efficientnet_b0" => new EfficientNetOptions
            {
                SqueezeExcitation = Choice<SqueezeChoice>("squeeze", "gate"),
                StemStride = Number("stem_stride") ?? 2,
                Dropout = drop ?? 0.2,
                DropPath = drop ?? 0.2,
            },
            "ficnn" => new FicnnOptions(),
            "convex_head" => new ConvexHeadOptions(),
            var other => throw new NotSupportedException(other),
        };
        ConvexityOptions convexity = entry.GetProperty("variant").GetString() == "ioc" ? new ExpEpsOptions() : new NoConvexityOptions();
        return model.Plan(convexity, new ImageInput(shape[1], shape[2], shape[3], entry.GetProperty("classes").GetInt32()));
    }

    private static void AssertClose(Tensor expected, Tensor actual, double tolerance, string name)
    {
        Assert.Equal(expected.shape, actual.shape);
        var scale = expected.abs().max().item<double>();
        var difference = (expected - actual.detach().to(ScalarType.Float64)).abs().max().item<double>();
        Assert.True(difference <= tolerance * scale, $"{name}: logits differ by {difference / scale:e2} of the largest");
    }
}
