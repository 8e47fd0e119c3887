using ConvexWeb.Server.Persistence;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>
/// Renews the leases of all items in hand, in one statement. A database that is away is no reason to stop: leases may run out, and are
/// ours again if nothing took the items meanwhile.
/// </summary>
public sealed class LeaseKeeper(
    Leases leases, HeldItems held, NpgsqlDataSource database, WorkerSettings settings, ServiceLoop loop, TimeProvider time)
    : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => loop.RunAsync("Renewing leases", EveryIntervalAsync, stoppingToken);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await held.EmptyAsync();
        await base.StopAsync(cancellationToken);
    }

    private async Task EveryIntervalAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(settings.Renewal, time);
        do
        {
            var (lost, wished) = await RenewAsync(held.All, stop);
            foreach (var item in lost) held.Fence(item);
            foreach (var item in wished) held.Stop(item.ItemId);
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    // One connection that does not answer is enough to know that the others will not: each would be waited for in turn.
    private async Task<(IReadOnlyList<Assignment> Lost, IReadOnlyList<Assignment> Wished)> RenewAsync(
        IReadOnlyList<Assignment> items, CancellationToken stop)
    {
        try
        {
            return await leases.RenewAsync(items, stop);
        }
        catch (Exception problem) when (Outage.Is(problem))
        {
            database.Clear();
            throw;
        }
    }
}
