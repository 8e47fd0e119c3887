using ConvexWeb.Training.Models.Graph;

namespace ConvexWeb.Training.Models;

/// <summary>
/// The free networks that look at the image and prefer one expert or another: [B, C, H, W] → [B, E]. Source: IOC paper s3.3, s4 and T6
/// (science.md S7d), which names their kinds but not their sizes; sizes are ours. The constraint never covers them.
/// </summary>
internal static class EnsembleGate
{
    /// <param name="kind">Mlp: one hidden layer; allconv: four convolutions; densenet: two blocks of six layers.</param>
    /// <param name="width">Hidden units of the MLP, channels of the first convolution; DenseNet has its own.</param>
    public static Value Write(Plan plan, PartKind kind, int experts, int width)
    {
        plan.IsFree = true;
        var gate = kind switch
        {
            PartKind.Allconv => AllConv(plan, experts, width),
            PartKind.Densenet => new DenseNetOptions { Activation = ActivationChoice.Relu }
                .Write(plan, "gate.", experts, new DenseNetOptions.Shape(12, [6, 6], Bottleneck: false, Stem: false)),
            _ => Mlp(plan, experts, width),
        };
        plan.IsFree = false;
        return gate;
    }

    private static Value Mlp(Plan plan, int experts, int width)
    {
        var x = plan.Linear("gate.fc1", plan.Flatten("gate.flatten", plan.Input), width);
        return plan.Linear("gate.fc2", plan.Activation("gate.act1", x, ActivationFunction.Relu), experts);
    }

    // As All-CNN-C with one layer for each size: 3×3, 3×3 with stride 2 twice, 1×1, mean over places.
    private static Value AllConv(Plan plan, int experts, int width)
    {
        var x = plan.Input;
        for (var i = 1; i <= 3; i++)
        {
            x = plan.Conv2d($"gate.conv{i}", x, i == 1 ? width : 2L * width, 3, i == 1 ? 1 : 2, 1);
            x = plan.Activation($"gate.act{i}", x, ActivationFunction.Relu);
        }
        return plan.GlobalMean("gate.mean", plan.Conv2d("gate.conv4", x, experts, 1));
    }
}

/// <summary>What an ensemble's expert or gate is.</summary>
public enum PartKind
{
    Mlp,
    Allconv,
    Densenet,
}
