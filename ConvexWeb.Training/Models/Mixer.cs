using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// MLP-Mixer and IOC-MLPMixer. Source: Tolstikhin et al., arXiv 2105.01601; seed 000 4.2 and 5.2 (science.md S5).
/// [B, 3, H, W] → patches: tokens [B, S, C]; blocks x += MLP over tokens(norm(x)),
/// x += MLP over channels(norm(x)); norm → mean over tokens → Linear [B, K].
/// Exact counts: the seed's size (72 pixels, patch 9, K = 10) 200,202, with the doubled first token layer of its convex variant 208,458;
/// S/16 18,528,264 and B/16 59,880,472 (224 pixels, K = 1000).
/// Mode <c>seed</c> keeps LayerNorm as the seed's code does, so a constrained network is not convex;
/// <c>strict</c> has BatchNorm over the channels instead.
/// </summary>
[Choice("mixer")]
public sealed record MixerOptions : ModelOptions
{
    [Parameter("seed: patch 9, 128 channels, 4 blocks; s16 and b16: the paper's Mixer-S/16 and B/16.")]
    public MixerSize Size { get; init; } = MixerSize.Seed;

    [Parameter("seed: LayerNorm, as in the source's code, and its list of unconstrained tensors: not convex. "
        + "strict: BatchNorm over the channels and only affine layers free: convex under a constraint. "
        + "auto: seed without a constraint, which is the paper's network, and strict with one.")]
    public Fidelity Mode { get; init; } = Fidelity.Auto;

    [Parameter("Mode seed: added to LayerNorm's variance; empty: 1e-5 for the seed's size, as its code has it, "
        + "and 1e-6 for s16 and b16, as Google's.", Min = 1e-12, Max = 0.1, Title = "LayerNorm eps")]
    public double? NormEps { get; init; }

    [Parameter("auto: GELU without a constraint, ELU with one.",
        Allowed = [Auto, Gelu, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("Width of the first block's token layer as a multiple; "
        + "empty: 2 in mode seed under a constraint, as in the source's code, else 1.", Min = 1, Max = 16)]
    public int? FirstTokenMult { get; init; }

    [Parameter("Side of a patch in pixels; empty: the size's own (9 or 16).", Min = 1, Max = 64)]
    public int? Patch { get; init; }

    [Parameter("Share of samples for which a block's branch is dropped while training.", Min = 0, Max = 0.9)]
    public double DropPath { get; init; }

    internal override string SizeParameter => "size";

    internal override ModelOptions Pinned(ConvexityOptions convexity) => this with { Mode = ModelMode.Of(Mode, convexity) };

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var seedMode = ModelMode.IsSeed(Mode, convexity);
        var normEps = NormEps ?? (Size == MixerSize.Seed ? 1e-5 : 1e-6);
        var (patch, channels, tokenWidth, channelWidth, blocks) = Size switch
        {
            MixerSize.S16 => (16, 512, 256, 2048, 8),
            MixerSize.B16 => (16, 768, 384, 3072, 12),
            _ => (9, 128, 64, 128, 4),
        };
        patch = Patch ?? patch;
        if (images.Height % patch != 0 || images.Width % patch != 0)
            throw new ImpossiblePlanException(
                $"images of {images.Height} × {images.Width} cannot be cut into patches of {patch} × {patch}: "
                + "set data.resize to a multiple (the seed uses 72 for patch 9), or model.patch");

        var plan = new Plan(images.Shape, convexity)
        {
            FreeAffineNorms = true,
            // The source's code leaves the patch embedding and, through its names, the first LayerNorm free, and nothing else.
            Exempt = seedMode ? new HashSet<string> { "stem.proj", "blocks.0.norm1" } : null,
        };
        var activation = Resolve(Activation, convexity, ActivationFunction.Gelu);
        Value Norm(string name, Value x) => seedMode ? plan.LayerNorm(name, x, normEps) : plan.BatchNorm(name, x);
        Value MixTokens(string name, Value x, long width)
        {
            var hidden = plan.Activation(name + ".act", plan.TokenLinear(name + ".fc1", x, width), activation);
            return plan.TokenLinear(name + ".fc2", hidden, x.Shape[0]);
        }
        Value MixChannels(string name, Value x, long width)
            => plan.Linear(name + ".fc2", plan.Activation(name + ".act", plan.Linear(name + ".fc1", x, width), activation), x.Channels);

        var x = plan.Tokens("stem.tokens", plan.Conv2d("stem.proj", plan.Input, channels, patch, patch));
        for (var i = 0; i < blocks; i++)
        {
            var block = $"blocks.{i}";
            var mult = i > 0 ? 1 : FirstTokenMult ?? (seedMode && plan.IsConstrained ? 2 : 1);
            var tokens = MixTokens(block + ".mlp_tokens", Norm(block + ".norm1", x), tokenWidth * mult);
            x = plan.Add(block + ".add1", x, plan.DropPath(block + ".drop1", tokens, DropPath));
            var mixed = MixChannels(block + ".mlp_channels", Norm(block + ".norm2", x), channelWidth);
            x = plan.Add(block + ".add2", x, plan.DropPath(block + ".drop2", mixed, DropPath));
        }
        plan.Linear("head", plan.GlobalMean("mean", Norm("norm", x)), images.Classes);
        return plan;
    }
}

/// <summary>Patch, channels and depth of a Mixer.</summary>
public enum MixerSize
{
    Seed,
    S16,
    B16,
}
