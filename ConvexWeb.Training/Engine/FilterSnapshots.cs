using ConvexWeb.Training.Engine.Metrics;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// Keeps filters of the first layer after the epochs that the spec names. They go with the progress, so that checkpoints, journal and
/// backups have them without a file of their own.
/// </summary>
internal sealed class FilterSnapshots(Spec spec, TrainerSettings settings, PlanNetwork network)
{
    private readonly HashSet<int> epochs = [.. spec.Training.FilterEpochs ?? []];

    /// <summary>The progress with the filters of this epoch, 0 for the start, where they are wanted.</summary>
    public Progress After(Progress progress, int epoch)
        => epochs.Contains(epoch) && Of(network, epoch, spec.Training.FilterCount, settings.Seed) is { } snapshot
            ? progress with { Filters = [.. progress.Filters.Where(f => f.Epoch != epoch), snapshot] }
            : progress;

    internal static FilterSnapshot? Of(PlanNetwork network, int epoch, int count, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        if (FirstLayer.Of(network) is not var (name, weight, filters)) return null;
        var (units, shape) = ((int)filters.shape[0], filters.shape);
        int[] drawn = [.. RandomStreams.Filters(seed, units).Take(count).Order()];
        return new(
            epoch, name, (int)shape[1], (int)shape[2], (int)shape[3], units, weight.ne(0).sum().item<long>(), weight.numel(),
            Locality.Mean(filters), [.. drawn.Select(unit => One(unit, filters.select(0, unit)))]);
    }

    private static Filter One(int unit, Tensor filter)
    {
        var largest = filter.abs().max().item<float>();
        var bytes = filter.mul(largest == 0 ? 0 : 127 / largest).round().to(ScalarType.Int8).cpu().contiguous();
        return new(unit, largest, filter.ne(0).sum().item<long>(), Convert.ToBase64String(bytes.bytes));
    }
}
