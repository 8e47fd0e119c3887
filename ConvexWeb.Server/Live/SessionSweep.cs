using System.Security.Claims;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Live;

/// <summary>Closes hub connections whose session or token has ended since they were opened: signing out ends them too.</summary>
public sealed class SessionSweep(SessionStore sessions, OpenConnections connections, ServiceLoop loop, TimeProvider time)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => loop.RunAsync("Checking sessions", EveryIntervalAsync, stoppingToken);

    public async Task SweepAsync(CancellationToken cancel)
    {
        foreach (var connection in connections.All)
        {
            if (!await sessions.IsAliveAsync(connection.User ?? new ClaimsPrincipal(), cancel)) connection.Abort();
        }
    }

    private async Task EveryIntervalAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stop)) await SweepAsync(stop);
    }
}
