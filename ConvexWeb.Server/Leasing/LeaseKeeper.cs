using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Leasing;

/// <summary>
/// Renews the leases of all items in hand, in one statement. A database that is away is no reason to stop: leases may run out, and are
/// ours again if nothing took the items meanwhile.
/// </summary>
public sealed class LeaseKeeper(Leases leases, HeldItems held, WorkerSettings settings, ServiceLoop loop, TimeProvider time)
    : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => loop.RunAsync("Renewing leases", RenewAsync, stoppingToken);

    private async Task RenewAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(settings.Renewal, time);
        do
        {
            var (lost, wished) = await leases.RenewAsync(held.All, stop);
            foreach (var item in lost) held.Fence(item);
            foreach (var item in wished) held.Stop(item.ItemId);
        }
        while (await timer.WaitForNextTickAsync(stop));
    }
}
