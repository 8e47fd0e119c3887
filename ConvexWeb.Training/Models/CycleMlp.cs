using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// CycleMLP-B1 and IOC-CycleMLP. Source: Chen et al., CycleMLP,
/// arXiv 2107.10224, and its official code; seed 000 4.3 and 5.3 (science.md S6).
/// [B, 3, H, W] → Conv 7×7 stride 4 → four stages of 2, 2, 4, 2 blocks with 64, 128, 320, 512 channels,
/// Conv 3×3 stride 2 between → norm → mean → Linear [B, K].
/// A block: a = norm(x); three branches h, w (Cycle FC along a row and a column) and c (Linear);
/// their sum weighted per channel; Linear; x += it; x += MLP(norm(x)).
/// Cycle FC's offsets are whole numbers, so it is a shift of each channel and a 1 × 1 product; no deformable convolution.
/// Exact counts with the softmax gate: K = 10 14,647,530; K = 100 14,693,700; K = 1000 15,155,400.
/// Mode <c>seed</c> keeps LayerNorm and the gate, so a constrained network is not convex;
/// <c>strict</c> has BatchNorm and learned coefficients instead: K = 10 13,672,010.
/// </summary>
[Choice("cycle_mlp")]
public sealed record CycleMlpOptions : ModelOptions
{
    private static readonly int[] Depths = [2, 2, 4, 2];

    [Parameter("b1: the paper's B1. tiny: a quarter of its channels, ours, for two cores.")]
    public CycleMlpSize Size { get; init; } = CycleMlpSize.B1;

    [Parameter("seed: LayerNorm and the softmax gate, as in the source's code, and its list of unconstrained tensors: not convex. "
        + "strict: BatchNorm and learned coefficients: convex under a constraint. "
        + "auto: seed without a constraint, which is the paper's network, and strict with one.")]
    public Fidelity Mode { get; init; } = Fidelity.Auto;

    [Parameter("Mode seed under a constraint: whether its list of unconstrained tensors has an effect. plain: on one process it has; "
        + "ddp: started for several, PyTorch puts module. before every name, the list matches nothing and all weights are constrained.",
        Title = "Unconstrained tensors")]
    public SourceLaunch ExemptList { get; init; } = SourceLaunch.Plain;

    [Parameter("Mode seed under a constraint: constrain the 20 biases of the gate's layers too. The source's code does, "
        + "since it looks for weight in a name and these are called reweight.", Title = "Constrain the gate's biases")]
    public bool ConstrainGateBiases { get; init; } = true;

    [Parameter("auto: GELU without a constraint, ELU with one.",
        Allowed = [Auto, Gelu, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("Share of samples for which the last block's branches are dropped while training; earlier blocks less, in proportion.",
        Min = 0, Max = 0.9)]
    public double DropPath { get; init; }

    internal override string SizeParameter => "size";

    internal override ModelOptions Pinned(ConvexityOptions convexity) => this with { Mode = ModelMode.Of(Mode, convexity) };

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        long[] widths = Size == CycleMlpSize.Tiny ? [16, 32, 80, 128] : [64, 128, 320, 512];
        var isSeed = ModelMode.IsSeed(Mode, convexity);
        var plan = new Plan(images.Shape, convexity)
        {
            Initialisation = Initialisation.SmallNormal,
            FreeAffineNorms = true,
            Exempt = !isSeed ? null : ExemptList == SourceLaunch.Ddp ? new HashSet<string>() : SourceExempts(),
            CoversBias = isSeed && ConstrainGateBiases ? name => name.Contains(".reweight.", StringComparison.Ordinal) : null,
        };
        var activation = Resolve(Activation, convexity, ActivationFunction.Gelu);
        var x = plan.ChannelsLast("patch_embed.layout", plan.Conv2d("patch_embed.proj", plan.Input, widths[0], 7, 4, 2));
        var (done, all) = (0, Depths.Sum());
        for (var stage = 0; stage < Depths.Length; stage++)
        {
            if (stage > 0)
            {
                var between = $"network.{2 * stage - 1}";
                x = plan.ChannelsLast($"{between}.layout", plan.Conv2d($"{between}.proj", x, widths[stage], 3, 2, 1));
            }
            for (var i = 0; i < Depths[stage]; i++, done++)
                x = Block(plan, $"network.{2 * stage}.{i}", x, activation, DropPath * done / (all - 1));
        }
        plan.Linear("head", plan.GlobalMean("mean", Norm(plan, "norm", x)), images.Classes);
        return plan;
    }

    private Value Block(Plan plan, string name, Value x, ActivationFunction activation, double drop)
    {
        var a = Norm(plan, name + ".norm1", x);
        var attn = name + ".attn";
        Value[] branches =
        [
            plan.CycleFc(attn + ".sfc_h", a, x.Channels, true),
            plan.CycleFc(attn + ".sfc_w", a, x.Channels, false),
            plan.Linear(attn + ".mlp_c", a, x.Channels, bias: false),
        ];
        var mixed = plan.Linear(attn + ".proj", Mixed(plan, attn, branches, activation), x.Channels);
        x = plan.Add(name + ".add1", x, plan.DropPath(name + ".drop1", mixed, drop));

        var wide = plan.Linear(name + ".mlp.fc1", Norm(plan, name + ".norm2", x), 4 * x.Channels);
        var hidden = plan.Activation(name + ".mlp.act", wide, activation);
        return plan.Add(name + ".add2", x, plan.DropPath(name + ".drop2", plan.Linear(name + ".mlp.fc2", hidden, x.Channels), drop));
    }

    private Value Mixed(Plan plan, string attn, Value[] branches, ActivationFunction activation)
    {
        if (!ModelMode.IsSeed(Mode, plan.Convexity)) return plan.Mix(attn + ".coefficients", branches);
        var channels = branches[0].Channels;
        var sum = plan.Add(attn + ".sum2", plan.Add(attn + ".sum1", branches[0], branches[1]), branches[2]);
        var mean = plan.GlobalMean(attn + ".mean", sum);
        var hidden = plan.Activation(attn + ".reweight.act", plan.Linear(attn + ".reweight.fc1", mean, channels / 4), activation);
        return plan.SoftmaxMix(attn + ".gate", plan.Linear(attn + ".reweight.fc2", hidden, 3 * channels), branches);
    }

    private Value Norm(Plan plan, string name, Value x)
        => ModelMode.IsSeed(Mode, plan.Convexity) ? plan.LayerNorm(name, x) : plan.BatchNorm(name, x);

    // What the source's code leaves free. Its fourth name, network.1.0.attn.mlp_c, is a slip:
    // network.1 is a convolution, so it frees nothing.
    private static HashSet<string> SourceExempts()
        => ["patch_embed.proj", "network.0.0.norm1", "network.0.0.attn.sfc_h", "network.0.0.attn.sfc_w", "network.0.0.attn.reweight.fc1"];
}

/// <summary>How the source's training was started.</summary>
public enum SourceLaunch
{
    Plain,
    Ddp,
}

/// <summary>Widths of a CycleMLP.</summary>
public enum CycleMlpSize
{
    B1,
    Tiny,
}
