using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Options;
using static ConvexWeb.Training.Models.ActivationChoice;

namespace ConvexWeb.Training.Models;

/// <summary>
/// Boosted convex experts with a gate. Source: IOC paper s3.3, s4 and T6 (science.md S7d): three experts, each trained on images weighted
/// by the errors of the one before, then frozen, then a gate that learns which of them to trust.
/// The paper says "as in" Friedman et al. 2000, whose discrete AdaBoost is for two classes; SAMME is the same for more.
/// [B, C, H, W] → experts E × [B, K], gate [B, E] → the logits of the expert with the largest share: [B, K].
/// The epochs of the run are shared out evenly: one stage for each expert, one for the gate.
/// </summary>
[Choice("ensemble_boost")]
public sealed record EnsembleBoostOptions : ModelOptions
{
    [Parameter("What each expert is: the MLP, AllConv or DenseNet of its own entry.")]
    public PartKind Expert { get; init; } = PartKind.Mlp;

    [Parameter("How images are weighed behind an expert. samme: alpha = ln((1 − err)/err) + ln(K − 1); "
        + "friedman: discrete AdaBoost, without ln(K − 1), so an expert must be right on half of the weights; "
        + "samme_restart: samme as the first version had it, where an expert no better than chance sets all weights back and boosting "
        + "goes on.")]
    public BoostingRule Rule { get; init; } = BoostingRule.Samme;

    [Parameter("Experts; the paper has 3. training.epochs must be a multiple of one more: each expert and the gate get an equal share.",
        Min = 2, Max = 10)]
    public int Experts { get; init; } = 3;

    [Parameter("mlp: one hidden layer; allconv: four convolutions; densenet: two blocks.")]
    public PartKind Gate { get; init; } = PartKind.Mlp;

    [Parameter("Hidden units of an mlp gate, channels of the first convolution of an allconv gate; "
        + "empty: 100 or 32. The paper gives no number.", Min = 1, Max = 8192)]
    public int? GateWidth { get; init; }

    [Parameter("mlp experts: units of each hidden layer.", Min = 1, Max = 16_384)]
    public int Width { get; init; } = 800;

    [Parameter("mlp experts: hidden layers.", Min = 1, Max = 16)]
    public int Depth { get; init; } = 3;

    [Parameter("allconv experts: width of all layers, in percent of the source's.", Min = 5, Max = 400)]
    public int WidthPercent { get; init; } = 100;

    [Parameter("densenet experts: which DenseNet.",
        Allowed = [DenseNetVariant.Bc100_12, DenseNetVariant.D40_12, DenseNetVariant.D100_12, DenseNetVariant.Bc40_12])]
    public DenseNetVariant Variant { get; init; } = DenseNetVariant.Bc100_12;

    [Parameter("Of the experts. auto: ReLU without a constraint, ELU with one.",
        Allowed = [Auto, Relu, Elu, LeakyRelu, Softplus])]
    public ActivationChoice Activation { get; init; } = ActivationChoice.Auto;

    [Parameter("Share dropped inside the experts while they train; "
        + "empty: as the entry of their kind (0, for allconv 0.5 and 0.2 of the input).", Min = 0, Max = 0.95)]
    public double? Dropout { get; init; }

    internal override int TrainingStages => Experts + 1;

    internal override string SizeParameter => Expert switch
    {
        PartKind.Allconv => "width_percent",
        PartKind.Densenet => "variant",
        _ => "width",
    };

    public override Plan Plan(ConvexityOptions convexity, ImageInput images)
    {
        var start = Expert == PartKind.Densenet ? Initialisation.HeFanIn : Initialisation.PyTorch;
        var plan = new Plan(images.Shape, convexity) { Initialisation = start };
        var experts = Enumerable.Range(1, Experts).Select(e => Written(plan, $"experts.{e}.", images.Classes)).ToList();
        plan.Selection("selection", EnsembleGate.Write(plan, Gate, Experts, GateWidth ?? (Gate == PartKind.Mlp ? 100 : 32)), experts);
        return plan;
    }

    private Value Written(Plan plan, string prefix, int classes)
    {
        var allConv = new AllConvOptions { Activation = Activation, WidthPercent = WidthPercent };
        if (Dropout is { } p) allConv = allConv with { Dropout = p, InputDropout = Math.Min(p, allConv.InputDropout) };
        return Expert switch
        {
            PartKind.Allconv => allConv.Write(plan, prefix, classes),
            PartKind.Densenet => new DenseNetOptions { Activation = Activation, Variant = Variant, Dropout = Dropout ?? 0 }
                .Write(plan, prefix, classes),
            _ => new MlpOptions { Activation = Activation, Width = Width, Depth = Depth, Dropout = Dropout ?? 0 }
                .Behind(plan, plan.Flatten(prefix + "flatten", plan.Input), prefix, classes).Output,
        };
    }
}

/// <summary>How boosting weighs images.</summary>
public enum BoostingRule
{
    Samme,
    Friedman,
    SammeRestart,
}
