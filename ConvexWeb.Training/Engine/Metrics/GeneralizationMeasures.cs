using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>
/// Measures that are meant to go with the gap between training and test (Jiang et al. 2020; science.md B8), of the network with each
/// BatchNorm folded into the layer right before it, so that a factor between the two changes nothing. Biases are in none of them.
/// Where a BatchNorm stands elsewhere, as in pre-activation networks, the products have no meaning and are left out; where the 10th
/// percentile of the training margin is not positive, so are the measures over it.
/// </summary>
internal static class GeneralizationMeasures
{
    /// <param name="margin">10th percentile of the training margin.</param>
    public static Dictionary<string, double> Of(PlanNetwork network, IReadOnlyList<LayerSummary> layers, double margin)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var measures = new Dictionary<string, double>
        {
            ["from_init"] = Math.Sqrt(layers.Sum(layer => layer.FromInit * layer.FromInit)),
            ["frobenius"] = Math.Sqrt(layers.Sum(layer => layer.Frobenius * layer.Frobenius)),
        };
        if (margin > 0) measures["inverse_margin"] = 1 / margin;
        using var folded = Folded(network);
        if (folded is null) return measures;
        var (spectral, frobenius) = Logarithms(folded);
        // A layer of zeros has no logarithm.
        if (double.IsFinite(frobenius)) measures["log_frobenius_product"] = frobenius;
        if (spectral is { } known) measures["log_spectral_product"] = known;
        if (PathNorm(folded) is > 0 and var path && double.IsFinite(path)) measures["log_path_norm"] = Math.Log(path);
        if (margin <= 0) return measures;
        foreach (var name in new[] { "log_frobenius_product", "log_spectral_product", "log_path_norm" })
            if (measures.TryGetValue(name, out var value)) measures[$"{name}_over_margin"] = value - Math.Log(margin);
        return measures;
    }

    /// <summary>A copy in eval mode with each BatchNorm made the identity; null where one does not stand right behind a weight.</summary>
    internal static PlanNetwork? Folded(PlanNetwork network)
    {
        var steps = network.Plan.Steps;
        for (var i = 0; i < steps.Count; i++)
            if (steps[i].Operation is BatchNormOperation && (i == 0 || steps[i].Operation.Inputs[0] != i || !IsWeighted(steps[i - 1])))
                return null;
        if (steps.Any(step => !IsKnown(step.Operation))) return null;

        var copy = new PlanNetwork(network.Plan);
        var (from, to) = (network.state_dict(), copy.state_dict());
        foreach (var (name, value) in to) value.copy_(from[name]);
        copy.StoreEffective();
        for (var i = 1; i < steps.Count; i++)
        {
            if (steps[i].Operation is not BatchNormOperation norm) continue;
            var (mean, variance) = (to[norm.Name + ".running_mean"], to[norm.Name + ".running_var"]);
            var scale = variance.add(norm.Eps).rsqrt();
            var factor = steps[i].Tensors.FirstOrDefault(tensor => tensor.Role == TensorRole.NormScale) is { } planned
                ? to[planned.Name]
                : null;
            if (factor is not null) scale = scale * factor;
            var weight = to[steps[i - 1].Tensors[0].Name];
            // [O, …], or of a locally connected layer [P, O, …].
            weight.mul_(weight.ndim == 3 ? scale.view(1, -1, 1) : scale.view([-1, .. Enumerable.Repeat(1L, (int)weight.ndim - 1)]));
            mean.zero_();
            variance.fill_(1 - norm.Eps);
            factor?.fill_(1);
        }
        copy.eval();
        return copy;
    }

    private static (double? Spectral, double Frobenius) Logarithms(PlanNetwork network)
    {
        double? spectral = 0;
        var frobenius = 0.0;
        for (var i = 0; i < network.Plan.Steps.Count; i++)
        {
            if (!IsWeighted(network.Plan.Steps[i])) continue;
            frobenius += Math.Log(network.TensorsOf(i)[0].norm().item<float>());
            using (enable_grad())
                spectral = SpectralNorm.Of(network, i) is { IsConverged: true, Value: > 0 } norm ? spectral + Math.Log(norm.Value) : null;
        }
        return (spectral, frobenius);
    }

    // √Σ over paths of Π w²: what squared weights make of an image of ones, pools and activations letting all through.
    private static double? PathNorm(PlanNetwork network)
    {
        var plan = network.Plan;
        var values = new Tensor[plan.Steps.Count + 1];
        values[0] = ones([1, .. plan.Input.Shape], ScalarType.Float64);
        for (var i = 0; i < plan.Steps.Count; i++)
        {
            var operation = plan.Steps[i].Operation;
            Tensor[] x = [.. operation.Inputs.Select(n => values[n])];
            var squared = IsWeighted(plan.Steps[i]) ? network.TensorsOf(i)[0].to(ScalarType.Float64).square() : null;
            values[i + 1] = operation switch
            {
                Conv2dOperation c => F.conv2d(x[0], squared!, null, [c.Stride, c.Stride], [c.Padding, c.Padding], groups: c.Groups),
                LocalOperation l => Execution.Local(l, x[0], squared!),
                LinearOperation when x[0].ndim < 4 => F.linear(x[0], squared!),
                // A window's sum: each of its values has a path of its own.
                MaxPoolOperation m => F.avg_pool2d(F.pad(x[0], Beyond(m, x[0])), [m.Kernel, m.Kernel], [m.Stride, m.Stride])
                    * (m.Kernel * m.Kernel),
                AvgPoolOperation a => F.avg_pool2d(x[0], [a.Kernel, a.Kernel]) / (a.Kernel * a.Kernel),
                GlobalMeanOperation when x[0].ndim == 4 => x[0].mean([2, 3]) / (x[0].shape[2] * x[0].shape[3]),
                BatchNormOperation or ActivationOperation or DropoutOperation => x[0],
                _ => Execution.Run(operation, x, [], [], new(Training: false, Fused: false)),
            };
        }
        return Math.Sqrt(values[^1].sum().item<double>());
    }

    private static long[] Beyond(MaxPoolOperation m, Tensor x)
    {
        var (right, below) = (More(x.shape[3]), More(x.shape[2]));
        return [m.Padding, m.Padding + right, m.Padding, m.Padding + below];

        long More(long size)
        {
            var rest = (size + 2 * m.Padding - m.Kernel) % m.Stride;
            return m.Ceil && rest > 0 ? m.Stride - rest : 0;
        }
    }

    private static bool IsWeighted(PlanStep step)
        => step.Operation is Conv2dOperation or LocalOperation or LinearOperation && step.Tensors[0].Role == TensorRole.Weight;

    // Paths through other operations are not sums of products of weights.
    private static bool IsKnown(Operation operation)
        => operation is Conv2dOperation or LocalOperation or LinearOperation or BatchNormOperation or ActivationOperation
            or DropoutOperation or MaxPoolOperation or AvgPoolOperation or GlobalMeanOperation or FlattenOperation or ChannelsLastOperation
            or PadOperation or ConcatOperation;
}
