using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>
/// What a gate makes of its experts. Shares g [B, E] sum to 1 over the experts;
/// everything is in logarithms, so that no small probability is lost.
/// </summary>
internal static class Mixtures
{
    /// <summary>A gate's logits [B, E] → log g; without a gate, the one expert has it all: zeros [B, 1].</summary>
    public static Tensor LogShares(Tensor? gate, long batch) => gate is null ? zeros([batch, 1]) : gate.log_softmax(1);

    /// <summary>Logits of class 1, [B, E, 1] → log-probabilities of both classes [B, E, 2].</summary>
    public static Tensor BinaryLogProbabilities(Tensor logits) => cat([-F.softplus(logits), -F.softplus(-logits)], 2);

    /// <summary>log Σ_e g_e·p_e, from log g [B, E] and log p [B, E, K]: [B, K].</summary>
    public static Tensor LogProbabilities(Tensor logShares, Tensor logProbabilities)
        => (logShares.to(logProbabilities.dtype, logProbabilities.device).unsqueeze(2) + logProbabilities).logsumexp(1);

    /// <summary>log p_e(y | x) of the labels y [B], from [B, E, K]: [B, E].</summary>
    public static Tensor OfLabels(Tensor logProbabilities, Tensor labels)
        => logProbabilities.gather(2, labels.view(-1, 1, 1).expand(-1, logProbabilities.shape[1], 1)).squeeze(2);

    /// <summary>The E-step: r_ne ∝ g_e(x_n)·p_e(y_n | x_n), from both logarithms [B, E].</summary>
    public static Tensor Responsibilities(Tensor logShares, Tensor logProbabilitiesOfLabels)
        => (logShares + logProbabilitiesOfLabels).softmax(1);

    /// <summary>The logits of the expert with the largest share: from [B, E] and [B, E, K], [B, K].</summary>
    public static Tensor Selected(Tensor gate, Tensor logits)
        => logits.gather(1, gate.argmax(1).view(-1, 1, 1).expand(-1, 1, logits.shape[2])).squeeze(1);
}
