using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// An exponential moving average of weights and running statistics, taken after the convexity constraint: an average of non-negative
/// weights is non-negative, so the averaged network is as convex as the trained one. Source: the recipe of CycleMLP (science.md S6.5).
/// </summary>
internal sealed class AveragedWeights : IDisposable
{
    private const string Prefix = "ema/";

    private readonly double decay;
    private readonly (string Name, Tensor Live, Tensor Average)[] pairs;

    /// <param name="constraint">Its operator is applied to the start:
    /// the initial weights have not met it yet, and would stay in the average for long.</param>
    public AveragedWeights(PlanNetwork network, Constraint constraint, double decay)
    {
        this.decay = decay;
        using var scope = NewDisposeScope();
        // An angle that a schedule sets is no weight: its average would be another activation than the epoch's.
        var set = network.named_buffers().Select(t => t.name).Where(name => name.EndsWith(".angle", StringComparison.Ordinal)).ToHashSet();
        var averaged = network.state_dict().Where(t => t.Value.dtype != ScalarType.Int64 && !set.Contains(t.Key));
        pairs = [.. averaged.Select(t => (t.Key, t.Value, t.Value.detach().clone().DetachFromDisposeScope()))];
        foreach (var (name, _, start) in pairs) Constraint.Apply(start, constraint.OperatorOf(name), constraint.Eps);
    }

    /// <summary>The average moves towards the weights after a step.</summary>
    public void Step()
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        foreach (var (_, live, average) in pairs) average.mul_(decay).add_(live, 1 - decay);
    }

    /// <summary>Runs with the averaged weights in the network; they change places with the trained ones and back.</summary>
    public T With<T>(Func<T> run)
    {
        Swap();
        try
        {
            return run();
        }
        finally
        {
            Swap();
        }
    }

    /// <summary>For the checkpoint; the tensors themselves.</summary>
    public IEnumerable<(string Name, Tensor Value)> State() => pairs.Select(p => (Prefix + p.Name, p.Average));

    private void Swap()
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        foreach (var (_, live, average) in pairs)
        {
            var kept = live.detach().clone();
            live.copy_(average);
            average.copy_(kept);
        }
    }

    public void Dispose()
    {
        foreach (var (_, _, average) in pairs) average.Dispose();
    }
}
