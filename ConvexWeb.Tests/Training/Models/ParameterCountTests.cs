using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;

namespace ConvexWeb.Tests.Training.Models;

/// <summary>The exact parameter counts of science.md S2 to S7, from the plans and without anything native.</summary>
public sealed class ParameterCountTests
{
    private static ImageInput Images(int size, int classes, int channels = 3) => new(channels, size, size, classes);

    private static readonly Dictionary<string, (ModelOptions Model, ImageInput Data, ConvexityOptions Convexity, long Count)> Cases = new()
    {
        ["MLP, MNIST"] = (new MlpOptions(), Images(28, 10, 1), new NoConvexityOptions(), 1_922_410),
        ["MLP, CIFAR-10"] = (new MlpOptions(), Images(32, 10), new NoConvexityOptions(), 3_752_810),
        ["MLP, CIFAR-100"] = (new MlpOptions(), Images(32, 100), new NoConvexityOptions(), 3_824_900),
        ["MLP, STL-10"] = (new MlpOptions(), Images(96, 10), new NoConvexityOptions(), 23_413_610),
        ["AllConv, 10"] = (new AllConvOptions(), Images(32, 10), new NoConvexityOptions(), 1_369_738),
        ["AllConv, 100"] = (new AllConvOptions(), Images(32, 100), new NoConvexityOptions(), 1_387_108),
        ["DenseNet-BC-100-12, 10"] = (new DenseNetOptions(), Images(32, 10), new NoConvexityOptions(), 769_162),
        ["DenseNet-BC-100-12, 100"] = (new DenseNetOptions(), Images(32, 100), new NoConvexityOptions(), 800_032),
        ["DenseNet-40-12"] =
            (new DenseNetOptions { Variant = DenseNetVariant.D40_12 }, Images(32, 10), new NoConvexityOptions(), 1_019_722),
        ["DenseNet-100-12"] =
            (new DenseNetOptions { Variant = DenseNetVariant.D100_12 }, Images(32, 10), new NoConvexityOptions(), 6_979_642),
        ["DenseNet-121"] = (new DenseNetOptions { Variant = DenseNetVariant.D121 }, Images(224, 1000), new NoConvexityOptions(), 7_978_856),
        ["Mixer, seed's size"] = (new MixerOptions(), Images(72, 10), new NoConvexityOptions(), 200_202),
        ["Mixer, seed mode under a constraint"] = (new MixerOptions { Mode = Fidelity.Seed }, Images(72, 10), new ExpEpsOptions(), 208_458),
        ["Mixer-S/16"] =
            (new MixerOptions { Size = MixerSize.S16, Mode = Fidelity.Seed }, Images(224, 1000), new NoConvexityOptions(), 18_528_264),
        ["Mixer-B/16"] =
            (new MixerOptions { Size = MixerSize.B16, Mode = Fidelity.Seed }, Images(224, 1000), new NoConvexityOptions(), 59_880_472),
        ["CycleMLP-B1, 10"] = (new CycleMlpOptions { Mode = Fidelity.Seed }, Images(224, 10), new NoConvexityOptions(), 14_647_530),
        ["CycleMLP-B1, 100"] = (new CycleMlpOptions { Mode = Fidelity.Seed }, Images(224, 100), new NoConvexityOptions(), 14_693_700),
        ["CycleMLP-B1, 1000"] = (new CycleMlpOptions { Mode = Fidelity.Seed }, Images(224, 1000), new NoConvexityOptions(), 15_155_400),
        ["EfficientNet-B0, 1000"] = (new EfficientNetOptions(), Images(224, 1000), new NoConvexityOptions(), 5_288_548),
        ["EfficientNet-B0, 10"] = (new EfficientNetOptions(), Images(224, 10), new NoConvexityOptions(), 4_020_358),
        ["FICNN, 512, 128 and 32"] = (new FicnnOptions { Widths = [512, 128, 32] }, Images(32, 10), new ClipOptions(), 2_165_738),
        ["FICNN, CIFAR-10"] = (new FicnnOptions(), Images(32, 10), new ClipOptions(), 8_693_930),
    };

    public static TheoryData<string> Names() => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_plan_has_the_published_count(string name)
    {
        var (model, data, convexity, count) = Cases[name];
        Assert.Equal(count, Count(model.Plan(convexity, data)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Softplus_of_a_free_weight_adds_no_parameter(string name)
    {
        var (model, data, convexity, _) = Cases[name];
        if (convexity is NoConvexityOptions) convexity = new ClipOptions();
        var plain = model.Plan(convexity, data);
        var free = model.Plan(new SoftplusReparamOptions(), data);
        Assert.Equal(Count(plain), Count(free));
        Assert.All(free.Steps.SelectMany(s => s.Tensors).Where(t => t.Covered), t => Assert.EndsWith(".original", t.Name));
    }

    private static long Count(Plan plan) => plan.Steps.SelectMany(s => s.Tensors).Sum(t => t.Count);
}
