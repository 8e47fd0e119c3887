using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// The small Inception of the randomization tests. Source: Zhang et al. 2017, arXiv 1611.03530, App. A (science.md S8.3).
/// [B, 3, 28, 28] → conv 96 → 2 inception modules → down [14] → 4 modules → down [7] → 2 modules → mean over places [336] → K.
/// A module joins a 1 × 1 and a 3 × 3 convolution; down joins a 3 × 3 convolution with stride 2 and a pool.
/// Exact count for K = 10, with batch normalisation (shift but no scale, and no bias before it) and without (with biases): 1,649,402.
/// </summary>
[Choice("small_inception")]
public sealed record SmallInceptionOptions : ModelOptions
{
    [Parameter("auto: ReLU without a constraint, ELU with one.", Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("Batch normalisation behind each convolution; its deviation adds 0.001, its running statistics move by 0.001.")]
    public bool BatchNorm { get; init; } = true;

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var plan = new Plan(images.Shape, convexity) { Initialisation = Initialisation.Pluskid };
        var activation = Resolve(Activation, convexity);
        var x = Conv("conv1", plan.ChannelsLast("layout", plan.Input), 96, 3);
        x = Module("inc1", x, 32, 32);
        x = Module("inc2", x, 32, 48);
        x = Down("down1", x, 80);
        x = Module("inc3", x, 112, 48);
        x = Module("inc4", x, 96, 64);
        x = Module("inc5", x, 80, 80);
        x = Module("inc6", x, 48, 96);
        x = Down("down2", x, 96);
        x = Module("inc7", x, 176, 160);
        x = Module("inc8", x, 176, 160);
        plan.Linear("fc", plan.GlobalMean("mean", x), images.Classes);
        return plan;

        Value Conv(string name, Value from, long channels, long kernel, long stride = 1)
        {
            // TensorFlow's SAME pads what a stride of 2 needs on one side only.
            if (stride == 2) from = plan.Pad(name + ".pad", from, 1);
            var y = plan.Conv2d(name + ".conv", from, channels, kernel, stride, stride == 2 ? 0 : kernel / 2, bias: !BatchNorm);
            if (BatchNorm) y = plan.BatchNorm(name + ".bn", y, 1e-3, 1e-3, scale: false);
            return plan.Activation(name + ".act", y, activation);
        }

        Value Module(string name, Value from, long narrow, long wide)
            => plan.Concat(name + ".concat", [Conv(name + ".a", from, narrow, 1), Conv(name + ".b", from, wide, 3)]);

        Value Down(string name, Value from, long channels)
            => plan.Concat(name + ".concat", [Conv(name, from, channels, 3, 2), plan.MaxPool(name + ".pool", from, 3, 2, ceil: true)]);
    }
}
