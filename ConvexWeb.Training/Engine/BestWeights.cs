using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>A copy of a network's tensors, running statistics included, to end a run with.</summary>
internal sealed class BestWeights(PlanNetwork network) : IDisposable
{
    private readonly IReadOnlyList<(string Name, Tensor Value)> kept = [.. Copies(network)];

    /// <summary>The tensors under the names of the checkpoint: best/fc1.weight.</summary>
    public IEnumerable<(string Name, Tensor Value)> State() => kept.Select(k => ($"best/{k.Name}", k.Value));

    /// <summary>Takes the network as it is now.</summary>
    public void Take() => Copy(from: network.state_dict(), to: kept.ToDictionary(k => k.Name, k => k.Value));

    /// <summary>Puts what was taken last back into the network.</summary>
    public void PutBack() => Copy(from: kept.ToDictionary(k => k.Name, k => k.Value), to: network.state_dict());

    public void Dispose()
    {
        foreach (var (_, value) in kept) value.Dispose();
    }

    private static void Copy(Dictionary<string, Tensor> from, Dictionary<string, Tensor> to)
    {
        using var quiet = no_grad();
        foreach (var (name, target) in to) target.copy_(from[name]);
    }

    private static IEnumerable<(string, Tensor)> Copies(PlanNetwork network)
    {
        using var scope = NewDisposeScope();
        foreach (var (name, value) in network.state_dict()) yield return (name, value.detach().clone().DetachFromDisposeScope());
    }
}
