using System.Security.Claims;
using ConvexWeb.Server.Accounts;
using Npgsql;

namespace ConvexWeb.Server.Live;

/// <summary>Closes hub connections whose session or token has ended since they were opened: signing out ends them too.</summary>
public sealed class SessionSweep(SessionStore sessions, OpenConnections connections, TimeProvider time, ILogger<SessionSweep> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (NpgsqlException problem)
            {
                log.LogWarning("Sessions could not be checked: {Problem}", problem.Message);
            }
        }
    }

    public async Task SweepAsync(CancellationToken cancel)
    {
        foreach (var connection in connections.All)
        {
            if (!await sessions.IsAliveAsync(connection.User ?? new ClaimsPrincipal(), cancel)) connection.Abort();
        }
    }
}
