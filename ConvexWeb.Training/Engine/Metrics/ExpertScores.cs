using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>What the parts of an ensemble do on a whole split, in eval mode (science.md S7d, T.15).</summary>
/// <param name="Accuracy">Percent, of each expert by itself.</param>
/// <param name="Oracle">Percent of images that any expert classifies as labelled: no gate can do better.</param>
/// <param name="Shares">Mean share that the gate gives each expert, together 1; null without a gate.</param>
/// <param name="Entropy">Mean entropy of the gate's shares, in nats:
/// 0 where it always trusts one expert, ln E where it has no preference.</param>
public sealed record ExpertScores(IReadOnlyList<double> Accuracy, double Oracle, IReadOnlyList<double>? Shares, double? Entropy)
{
    /// <summary>The gate's figures are those of the test split.</summary>
    public void Report(Dictionary<string, double> values, string split)
    {
        for (var e = 0; e < Accuracy.Count; e++) values[$"{split}/expert_{e + 1}_accuracy"] = Accuracy[e];
        values[split + "/single_accuracy"] = Accuracy[0];
        values[split + "/oracle_accuracy"] = Oracle;
        if (split != "test" || Shares is null) return;
        for (var e = 0; e < Shares.Count; e++) values[$"gate/share_{e + 1}"] = Shares[e];
        values["gate/entropy"] = Entropy!.Value;
    }
}

/// <summary>
/// Sums <see cref="ExpertScores"/> on the device from batch to batch,
/// from the same pass that gives the ensemble's logits.
/// </summary>
internal sealed class ExpertSums(PlanNetwork network, EnsembleOperation parts, Device device)
{
    private readonly int[] places = [network.Plan.Output.Index, .. parts.Experts, .. parts.Gate is { } gate ? new[] { gate } : []];
    private readonly Tensor right = zeros([parts.Experts.Count], ScalarType.Int64, device);
    private readonly Tensor any = zeros([], ScalarType.Int64, device);
    private readonly Tensor shares = zeros([parts.Experts.Count], ScalarType.Float64, device);
    private readonly Tensor entropy = zeros([], ScalarType.Float64, device);

    /// <summary>The ensemble's logits [B, K]; counts what its experts say on the way.</summary>
    public Tensor Forward(Tensor images, Tensor labels)
    {
        var values = network.ValuesAt(images, places, training: false);
        var hits = stack(values[1..(parts.Experts.Count + 1)].Select(logits => Predicted(logits).eq(labels)), 1); // [B, E]
        right.add_(hits.sum([0]));
        any.add_(hits.sum(1).gt(0).sum());
        if (parts.Gate is null) return values[0];
        var logShares = Mixtures.LogShares(values[^1], images.shape[0]).to(ScalarType.Float64);
        shares.add_(logShares.exp().sum([0]));
        entropy.sub_((logShares.exp() * logShares).sum());
        return values[0];
    }

    public ExpertScores Take(long count) => new(
        [.. right.cpu().data<long>().ToArray().Select(r => 100.0 * r / count)], 100.0 * any.item<long>() / count,
        parts.Gate is null ? null : [.. shares.cpu().data<double>().ToArray().Select(s => s / count)],
        parts.Gate is null ? null : entropy.item<double>() / count);

    // One logit is that of class 1.
    private static Tensor Predicted(Tensor logits)
        => logits.shape[1] == 1 ? logits.squeeze(1).gt(0).to(ScalarType.Int64) : logits.argmax(1);
}
