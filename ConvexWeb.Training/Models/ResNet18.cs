using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// ResNet18 for small images. Source: He et al. 2016, arXiv 1512.03385, with a first convolution of 3 × 3 and stride 1 and without the
/// max pool, as Neyshabur 2020, A.1 has it (science.md S11.5). [B, C, s, s] → conv width → four groups of two blocks with 1, 2, 4 and
/// 8 · width channels, the last three halving the image → mean over places → K. A block is conv → BN → act → conv → BN, plus the
/// identity or a 1 × 1 convolution with BN → act. Exact count for width 64, K = 10 and three colours: 11,173,962.
/// </summary>
[Choice("resnet18")]
public sealed record ResNet18Options : ModelOptions
{
    [Parameter("Channels of the first group; 64 is the standard network.", Min = 1, Max = 256)]
    public int Width { get; init; } = 64;

    [Parameter("Side of the convolutions' kernels, the first one's too; the 1 × 1 ones of shortcuts stay. Odd.", Min = 1, Max = 31)]
    public int Kernel { get; init; } = 3;

    [Parameter("auto: ReLU without a constraint, ELU with one.", Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    internal override string SizeParameter => "width";

    // Parameters have torchvision's names.
    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        if (Kernel % 2 == 0) throw new ImpossiblePlanException("the kernels of a ResNet18 have an odd side");
        var plan = new Plan(images.Shape, convexity);
        var activation = Resolve(Activation, convexity);
        var x = Convolve(plan, "conv1", "bn1", plan.ChannelsLast("layout", plan.Input), Width, 1);
        x = plan.Activation("act", x, activation);
        for (var g = 1; g <= 4; g++)
            for (var b = 0; b < 2; b++)
                x = Block(plan, $"layer{g}.{b}", x, (long)Width << (g - 1), g > 1 && b == 0 ? 2 : 1, activation);
        plan.Linear("fc", plan.GlobalMean("mean", x), images.Classes);
        return plan;
    }

    private Value Block(Plan plan, string name, Value x, long channels, long stride, ActivationFunction activation)
    {
        var y = plan.Activation(name + ".act1", Convolve(plan, name + ".conv1", name + ".bn1", x, channels, stride), activation);
        y = Convolve(plan, name + ".conv2", name + ".bn2", y, channels, 1);
        var beside = x.Channels == channels ? x : plan.BatchNorm(
            name + ".downsample.1", plan.Conv2d(name + ".downsample.0", x, channels, 1, stride, bias: false));
        return plan.Activation(name + ".act2", plan.Add(name + ".add", y, beside), activation);
    }

    private Value Convolve(Plan plan, string name, string norm, Value x, long channels, long stride)
        => plan.BatchNorm(norm, plan.Conv2d(name, x, channels, Kernel, stride, Kernel / 2, bias: false));
}
