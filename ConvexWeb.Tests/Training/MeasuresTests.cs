using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Engine.Metrics;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Theory;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Margins, generalization measures and Kendall's τ: science.md B8 and B9.</summary>
[Collection(TorchCollection.Name)]
public sealed class MeasuresTests
{
    private static readonly ImageInput Images = new(1, 4, 4, 3);

    [Fact]
    public void Margins_are_the_labels_logit_less_the_best_other_one()
    {
        using var scope = NewDisposeScope();
        var margins = Margins.Of(tensor(new float[,] { { 3, 1, 2 }, { 0, 5, 9 }, { 7, 7, 1 } }), tensor(new long[] { 0, 1, 0 }));
        Assert.Equal([1, -4, 0], margins.data<double>().ToArray());
        var over = Margins.Over(arange(0, 101, ScalarType.Float64));
        Assert.Equal(50, over.Mean, 12);
        Assert.Equal([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100], over.Deciles.Select(d => Math.Round(d, 9)));
    }

    [Fact]
    public void The_path_norm_is_the_root_of_the_sum_over_paths_of_squared_products()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var model = new MlpOptions { Width = 5, Depth = 2, BatchNorm = false };
        using var network = new PlanNetwork(model.Plan(new NoConvexityOptions(), Images));
        var w = network.state_dict();
        float At(string name, int row, int column) => w[name][row, column].item<float>();
        var expected = 0.0;
        for (var i = 0; i < 16; i++)
            for (var a = 0; a < 5; a++)
                for (var b = 0; b < 5; b++)
                    for (var k = 0; k < 3; k++)
                        expected += Math.Pow(At("fc1.weight", a, i) * At("fc2.weight", b, a) * At("fc3.weight", k, b), 2);
        var measures = Of(network, margin: 2);
        Assert.Equal(Math.Log(Math.Sqrt(expected)), measures["log_path_norm"], 6);
        Assert.Equal(measures["log_path_norm"] - Math.Log(2), measures["log_path_norm_over_margin"], 9);
        var norms = new[] { "fc1.weight", "fc2.weight", "fc3.weight" }.Select(name => w[name]).ToList();
        Assert.Equal(norms.Sum(n => Math.Log(n.norm().item<float>())), measures["log_frobenius_product"], 5);
        Assert.Equal(norms.Sum(n => Math.Log(linalg.svdvals(n)[0].item<float>())), measures["log_spectral_product"], 3);
    }

    [Theory]
    [InlineData("small_inception")]
    [InlineData("sd_net")]
    [InlineData("allconv")]
    public void A_factor_between_a_weight_and_its_BatchNorm_changes_nothing(string name)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        manual_seed(2);
        ModelOptions model = name switch
        {
            "small_inception" => new SmallInceptionOptions(),
            "sd_net" => new SdNetOptions { Kind = SdNetKind.SLocal, Affine = true },
            _ => new AllConvOptions { BatchNorm = true, WidthPercent = 10 },
        };
        using var network = new PlanNetwork(model.Plan(new NoConvexityOptions(), new ImageInput(3, 12, 12, 10)));
        network.forward(randn(16, 3, 12, 12));
        var before = Of(network, margin: 1);
        var state = network.state_dict();
        var (weight, norm) = name switch
        {
            "small_inception" => ("inc3.a.conv", "inc3.a.bn"),
            "sd_net" => ("layer1", "bn1"),
            _ => ("conv4", "bn4"),
        };
        state[weight + ".weight"].mul_(3);
        state[norm + ".running_mean"].mul_(3);
        state[norm + ".running_var"].mul_(9);
        var after = Of(network, margin: 1);
        foreach (var measure in new[] { "log_path_norm", "log_frobenius_product", "log_spectral_product" })
            Assert.Equal(before[measure], after[measure], 0.01);
        // The control: a factor that nothing takes back.
        state[weight + ".weight"].mul_(3);
        Assert.Equal(before["log_frobenius_product"] + Math.Log(3), Of(network, margin: 1)["log_frobenius_product"], 0.01);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_a_reparametrised_network_the_weights_as_they_act_are_measured(bool scales)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        manual_seed(3);
        var (model, input) = (new MlpOptions { Width = 6, Depth = 2 }, new ImageInput(1, 4, 4, 3));
        using var network = new PlanNetwork(model.Plan(new SoftplusReparamOptions { ConstrainBnGamma = scales }, input));
        using var plain = new PlanNetwork(model.Plan(new NoConvexityOptions(), input));
        for (var i = 0; i < network.Plan.Steps.Count; i++)
            foreach (var (acting, twin) in network.TensorsOf(i).Zip(plain.TensorsOf(i))) twin.copy_(acting);
        foreach (var one in new[] { network, plain })
            foreach (var (name, value) in one.state_dict())
                if (name.EndsWith("running_var", StringComparison.Ordinal)) value.fill_(0.25);
        var stored = network.state_dict().ToDictionary(t => t.Key, t => t.Value.clone());

        var (measured, expected) = (Of(network, margin: 1), Of(plain, margin: 1));

        Assert.Equal(expected.Keys.Order(), measured.Keys.Order());
        Assert.Contains("log_path_norm", measured.Keys);
        Assert.All(expected, measure => Assert.Equal(measure.Value, measured[measure.Key], 4));
        Assert.All(stored, t => Assert.True(t.Value.equal(network.state_dict()[t.Key]).all().item<bool>(), t.Key));
    }

    [Fact]
    public void What_has_no_meaning_is_left_out()
    {
        using var scope = NewDisposeScope();
        var colour = new ImageInput(3, 16, 16, 10);
        using var wide = new PlanNetwork(new WideResNetOptions { Depth = 10 }.Plan(new NoConvexityOptions(), colour));
        Assert.Equal(["frobenius", "from_init", "inverse_margin"], Of(wide, margin: 1).Keys.Order());
        using var plain = new PlanNetwork(new MlpOptions { Width = 5 }.Plan(new NoConvexityOptions(), Images));
        Assert.DoesNotContain(Of(plain, margin: -1).Keys, name => name.Contains("margin", StringComparison.Ordinal));
    }

    [Fact]
    public void Kendalls_tau_b_leaves_ties_out_of_its_scale()
    {
        Assert.Equal(1, RankCorrelation.TauB([1, 2, 3, 4], [10, 20, 30, 40])!.Value, 12);
        Assert.Equal(-1, RankCorrelation.TauB([1, 2, 3, 4], [4, 3, 2, 1])!.Value, 12);
        // Of ten pairs 9 differ in x, 7 in y; two more agree than disagree.
        Assert.Equal(2 / Math.Sqrt(63), RankCorrelation.TauB([1, 2, 2, 3, 4], [1, 3, 2, 2, 2])!.Value, 12);
        Assert.Null(RankCorrelation.TauB([1, 1, 1], [1, 2, 3]));
        Assert.Null(RankCorrelation.TauB([1], [2]));
    }

    private static Dictionary<string, double> Of(PlanNetwork network, double margin)
    {
        LayerSummary layer = new()
        {
            Name = "all", Count = 1, NonZeros = 1, L1 = 1, Frobenius = 1, Min = 0, Max = 1, FromInit = 1,
        };
        return GeneralizationMeasures.Of(network, [layer], margin);
    }
}
