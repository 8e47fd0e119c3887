using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// Mixture of binary convex experts, trained by expectation-maximisation.
/// Source: IOC paper s3.3 and s4.1 (science.md S7d), where EM is not written out.
/// Each expert: the IOC-MLP of S2 with one output, the logit of class 1; gate: MLP with one hidden layer, softmax over the experts.
/// [B, C, H, W] → experts E × [B, 1], gate [B, E] → log Σ_e g_e(x)·p_e(y | x): [B, 2].
/// Exact counts (CIFAR-10, 3 × 800): each expert 3,745,601; the gate 3,073·w + (w + 1)·E for w hidden units.
/// </summary>
[Choice("ensemble_em")]
public sealed record EnsembleEmOptions : ModelOptions
{
    [Parameter("Experts; the paper plots 1 to 10. A single one has no gate.", Min = 1, Max = 20)]
    public int Experts { get; init; } = 3;

    [Parameter("Units of each hidden layer of an expert.", Min = 1, Max = 16_384)]
    public int Width { get; init; } = 800;

    [Parameter("Hidden layers of an expert.", Min = 1, Max = 16)]
    public int Depth { get; init; } = 3;

    [Parameter("Of the experts. auto: ReLU without a constraint, ELU with one.",
        Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus, Identity])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("Hidden units of the gate, one layer; the paper gives no number, so as many as an expert's layer.", Min = 1, Max = 8192)]
    public int GateWidth { get; init; } = 800;

    internal override bool ShowsImages => true;

    internal override string SizeParameter => "width";

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var plan = new Plan(images.Shape, convexity);
        var expert = new MlpOptions { Width = Width, Depth = Depth, Activation = Activation };
        Value Expert(int e) => expert.Behind(plan, plan.Flatten($"experts.{e}.flatten", plan.Input), $"experts.{e}.", 1).Output;
        var experts = Enumerable.Range(1, Experts).Select(Expert).ToList();
        plan.Mixture("mixture", Experts == 1 ? null : EnsembleGate.Write(plan, PartKind.Mlp, Experts, GateWidth), experts);
        return plan;
    }
}
