using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Objectives;

/// <summary>
/// Expectation-maximisation for a mixture of binary experts (science.md S7d). E-step on each batch: r_ne ∝ g_e(x_n)·p_e(y_n | x_n).
/// M-step: the experts minimise Σ r_ne·BCE_e in the 1st, 3rd, … epoch,
/// the gate minimises the cross-entropy of its shares to r in the 2nd, 4th, …; whichever part does not train is in eval mode.
/// </summary>
internal sealed class EmObjective(PlanNetwork network, TrainingData data) : Objective
{
    private readonly EnsembleOperation parts = network.Plan.Ensemble!;

    public override (Tensor Loss, Tensor Logits) Of(TrainingBatch batch, Tensor index, int epoch)
    {
        var expertsTrain = parts.Gate is null || epoch % 2 == 0;
        var experts = Experts(batch.Images, expertsTrain); // [B, E, 2]
        var shares = Shares(batch.Images, parts.Gate is not null && !expertsTrain); // [B, E]
        var ofLabels = Mixtures.OfLabels(experts, batch.Labels); // [B, E]
        using var quiet = no_grad();
        var responsibilities = Mixtures.Responsibilities(shares, ofLabels);
        var logits = Mixtures.LogProbabilities(shares, experts);
        using var graph = enable_grad();
        return ((responsibilities * (expertsTrain ? ofLabels : shares)).sum(1).mean().neg(), logits);
    }

    /// <summary>
    /// Writes <c>clusters.safetensors</c>: the mean training image of each expert, weighted by its responsibilities (<c>clusters</c>,
    /// [E, C, H, W] in 0..1, before any preprocessing; IOC paper App. E), and the share of all images that it is responsible for
    /// (<c>shares</c>, [E]). The same as small pictures for the summary.
    /// </summary>
    public override IReadOnlyList<ClusterImage> Finish(string? folder)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var pixels = data.Pixels!;
        if (pixels.shape[1] is not (1 or 3)) return []; // points of a plane are no pictures
        var sums = zeros([parts.Experts.Count, pixels.numel() / pixels.shape[0]], ScalarType.Float64);
        var weights = zeros([parts.Experts.Count], ScalarType.Float64);
        for (long at = 0, step = Evaluation.BatchFor(network); at < data.Train.Count; at += step)
        {
            using var inner = NewDisposeScope();
            var length = Math.Min(step, data.Train.Count - at);
            var (images, labels) = data.Train.Slice(at, length);
            var shares = Shares(images, false);
            var ofLabels = Mixtures.OfLabels(Experts(images, false), labels);
            var responsibilities = Mixtures.Responsibilities(shares, ofLabels).to(ScalarType.Float64).cpu();
            sums.add_(responsibilities.t().mm(pixels.narrow(0, at, length).flatten(1).to(ScalarType.Float64)));
            weights.add_(responsibilities.sum([0]));
        }
        var means = (sums / weights.clamp(min: 1e-12).unsqueeze(1) / 255.0).to(ScalarType.Float32)
            .view([parts.Experts.Count, .. pixels.shape[1..]]);
        var portions = (weights / data.Train.Count).to(ScalarType.Float32); // [E]
        if (folder is not null)
            SafeTensors.Save(Path.Combine(folder, "clusters.safetensors"), [("clusters", means), ("shares", portions)],
                new Dictionary<string, string> { ["format"] = "pt" });
        var colours = (means.expand([-1, 3, -1, -1]) * 255.0).add(0.5).clamp(0, 255).to(ScalarType.Byte).contiguous();
        string Picture(int e)
            => Convert.ToBase64String(Bitmap.Of(colours.select(0, e).contiguous().bytes, (int)means.shape[3], (int)means.shape[2]));
        return [.. portions.data<float>().ToArray().Select((share, e) => new ClusterImage(share, Picture(e)))];
    }

    private Tensor Experts(Tensor images, bool train)
    {
        using var mode = enable_grad(train);
        return Mixtures.BinaryLogProbabilities(stack(network.ValuesAt(images, parts.Experts, train), 1));
    }

    private Tensor Shares(Tensor images, bool train)
    {
        using var mode = enable_grad(train);
        var gated = parts.Gate is { } gate ? network.ValuesAt(images, [gate], train)[0] : null;
        return Mixtures.LogShares(gated, images.shape[0]).to(images.device);
    }
}
