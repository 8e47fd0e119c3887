namespace ConvexWeb.Client.Contracts;

/// <param name="Runs">Ids of the runs it trains now.</param>
/// <param name="Certificates">Ids of the runs whose certificates it makes now; each takes a slot as a training does.</param>
public sealed record WorkerView(
    string Name, string Host, int Slots, string Queues, bool Alive, DateTimeOffset LastSeen,
    IReadOnlyList<long> Runs, IReadOnlyList<long> Certificates)
{
    /// <summary>Of ConvexWeb.</summary>
    public string? Version { get; init; }

    /// <summary>Version and kind, such as <c>2.10.0 cpu</c>.</summary>
    public string? Libtorch { get; init; }

    public string? DotNet { get; init; }

    /// <summary>NVIDIA's.</summary>
    public string? Driver { get; init; }

    public int? Cores { get; init; }

    /// <summary>Processes that wait for a core or have one, over the last minute.</summary>
    public double? Load { get; init; }

    /// <summary>An administrator lets it take nothing new.</summary>
    public bool Draining { get; init; }

    /// <summary>Why it takes nothing, when the server refuses it.</summary>
    public string? Refused { get; init; }

    /// <summary>Its devices as they are now: the processor, then those of its settings.</summary>
    public IReadOnlyList<WorkerDevice> Devices { get; init; } = [];
}

/// <summary>A device of a worker; a figure that its host does not tell is null.</summary>
/// <param name="Name"><c>cpu</c>, <c>cuda:0</c>, …</param>
/// <param name="Utilisation">In percent.</param>
/// <param name="Temperature">In degrees Celsius.</param>
/// <param name="Power">In watts.</param>
public sealed record WorkerDevice(
    string Name, string? Model, int? MemoryTotalMb, int? MemoryUsedMb, double? Utilisation, double? Temperature, double? Power);

/// <summary>A device at a time.</summary>
public sealed record WorkerSample(
    DateTimeOffset At, string Device, double? Utilisation, int? MemoryUsedMb, int? MemoryTotalMb, double? Temperature, double? Power);

public interface IWorkers
{
    Task<IReadOnlyList<WorkerView>> ListAsync(CancellationToken cancel = default);

    /// <summary>Figures since a time, or of the last hour, oldest first; null when there is no such worker.</summary>
    Task<IReadOnlyList<WorkerSample>?> SamplesAsync(string name, DateTimeOffset? since, CancellationToken cancel = default);

    /// <summary>For administrators: whether a worker takes nothing new. False when there is no such worker.</summary>
    Task<bool> DrainAsync(string name, bool draining, CancellationToken cancel = default);
}
