using System.Runtime.InteropServices;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>A training whose logits are no finite numbers any more: it has no accuracy, and no later step mends it.</summary>
public sealed class DivergedException(long step, string message) : Exception(message)
{
    /// <summary>Steps done.</summary>
    public long Step { get; } = step;
}

/// <summary>Says where in a network numbers stopped being finite.</summary>
internal static class Divergence
{
    private const string Advice = "This training has diverged: try a lower optimizer.lr, or init log_normal under a constraint.";

    /// <param name="images">What the network was given, as it takes them.</param>
    /// <param name="when">In words: "at step 12 (epoch 1)".</param>
    /// <param name="training">
    /// The mode in which it was seen. Running statistics move once more then, which does no harm: the run is at its end. The parts of an
    /// ensemble have modes of their own, and are looked at in eval mode.
    /// </param>
    public static DivergedException At(long step, string when, PlanNetwork network, Tensor images, bool training)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var steps = network.Plan.Steps;
        Tensor[] values;
        try
        {
            // All layers' outputs at once: more than a training step holds.
            values = network.ValuesAt(images, [.. Enumerable.Range(1, steps.Count)], training && network.Plan.Ensemble is null);
        }
        catch (ExternalException)
        {
            return new(step, $"The logits are no finite numbers {when}; there is no memory to say in which layer. {Advice}");
        }
        var first = Array.FindIndex(values, value => !IsFinite(value));
        if (first < 0) return new(step, $"The loss is no finite number {when}, though every layer's output is. {Advice}");
        var weights = network.TensorsOf(first);
        var broken = steps[first].Tensors.Zip(weights).Where(pair => !IsFinite(pair.Second))
            .Select(pair => pair.First.Name).FirstOrDefault();
        var why = broken is null ? "" : $", whose {broken} is not finite itself";
        var layer = steps[first].Operation.Name;
        return new(step, $"The logits are no finite numbers {when}: the first layer with such an output is {layer}{why}. {Advice}");
    }

    private static bool IsFinite(Tensor value) => value.isfinite().all().item<bool>();
}
