namespace ConvexWeb.Client.Contracts;

/// <param name="Runs">Ids of the runs it trains now.</param>
public sealed record WorkerView(string Name, string Host, int Slots, string Groups, bool Alive, DateTimeOffset LastSeen, IReadOnlyList<long> Runs);

public interface IWorkers
{
    Task<IReadOnlyList<WorkerView>> ListAsync(CancellationToken cancel = default);
}
