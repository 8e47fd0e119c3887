namespace ConvexWeb.Client.Contracts;

/// <param name="Runs">Ids of the runs it trains now.</param>
/// <param name="Certificates">Ids of the runs whose certificates it makes now; each takes a slot as a training does.</param>
public sealed record WorkerView(
    string Name, string Host, int Slots, string Groups, bool Alive, DateTimeOffset LastSeen,
    IReadOnlyList<long> Runs, IReadOnlyList<long> Certificates);

public interface IWorkers
{
    Task<IReadOnlyList<WorkerView>> ListAsync(CancellationToken cancel = default);
}
