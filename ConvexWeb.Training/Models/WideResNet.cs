using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// Wide residual network. Source: Zagoruyko and Komodakis 2016, arXiv 1605.07146, as pluskid/fitting-random-labels trains it
/// (science.md S8.5). [B, 3, 32, 32] → conv 16 → 3 groups of (depth − 4)/6 blocks with 16, 32 and 64 · widen channels → BN → act →
/// mean over places → K. Blocks are pre-activation: BN → act → conv → BN → act → conv, beside the identity or a 1 × 1 convolution.
/// Exact count of WRN-28-1, K = 10: 369,498.
/// </summary>
[Choice("wide_resnet")]
public sealed record WideResNetOptions : ModelOptions
{
    [Parameter("Layers: 6 a block and group, and 4.", Min = 10, Max = 58)]
    public int Depth { get; init; } = 28;

    [Parameter("Channels are 16, 32 and 64 times this.", Min = 1, Max = 12)]
    public int Widen { get; init; } = 1;

    [Parameter("Share of values dropped between the two convolutions of a block.", Min = 0, Max = 0.95)]
    public double Dropout { get; init; }

    [Parameter("auto: ReLU without a constraint, ELU with one.", Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    internal override string SizeParameter => "widen";

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        if (Depth % 6 != 4) throw new ImpossiblePlanException("the depth of a wide residual network is 4 more than a multiple of 6");
        var plan = new Plan(images.Shape, convexity) { Initialisation = Initialisation.Pluskid };
        var activation = Resolve(Activation, convexity);
        var x = plan.Conv2d("conv1", plan.ChannelsLast("layout", plan.Input), 16, 3, padding: 1, bias: false);
        for (var g = 1; g <= 3; g++)
            for (var b = 1; b <= (Depth - 4) / 6; b++)
                x = Block(plan, $"group{g}.block{b}", x, (16L << (g - 1)) * Widen, g > 1 && b == 1 ? 2 : 1, activation);
        x = plan.Activation("act", plan.BatchNorm("bn", x), activation);
        plan.Linear("fc", plan.GlobalMean("mean", x), images.Classes);
        return plan;
    }

    private Value Block(Plan plan, string name, Value x, long channels, long stride, ActivationFunction activation)
    {
        var o = plan.Activation(name + ".act1", plan.BatchNorm(name + ".bn1", x), activation);
        var y = plan.Conv2d(name + ".conv1", o, channels, 3, stride, 1, bias: false);
        y = plan.Activation(name + ".act2", plan.BatchNorm(name + ".bn2", y), activation);
        y = plan.Conv2d(name + ".conv2", plan.Dropout(name + ".drop", y, Dropout), channels, 3, padding: 1, bias: false);
        var beside = x.Channels == channels ? x : plan.Conv2d(name + ".shortcut", o, channels, 1, stride, bias: false);
        return plan.Add(name + ".add", y, beside);
    }
}
