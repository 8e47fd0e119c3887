using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Makes rows and tickets agree, whatever was killed when: a run whose worker stays away is Queued again; one that somebody cancelled and
/// nobody trains is Cancelled; and what waits gets tickets. Every node does it; each pass is idempotent.
/// </summary>
internal sealed class Reconciler(NpgsqlDataSource database, TicketOffice office, ServiceLoop loop, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>
    /// A lease that is over in so many passes. A worker that was cut off from a database that is back has renewed before, and keeps its
    /// run.
    /// </summary>
    private const int Absence = 3;

    private Dictionary<(long Run, int Attempt), int> absent = [];

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => loop.RunAsync("Looking after the queue", LookAfterAsync, stoppingToken);

    private async Task LookAfterAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            await PassAsync(stop);
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    public async Task PassAsync(CancellationToken cancel)
    {
        await CancelAbandonedAsync(cancel);
        await ReleaseAbandonedAsync(cancel);
        await office.PassAsync(cancel);
    }

    // A worker that holds a lease ends the run itself. If it died first, its lease runs out and the run is found here. If it was only away,
    // its next renewal finds the run ended and it kills its trainer.
    private async Task CancelAbandonedAsync(CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            $"""
            with ended as (
                update runs r set state = 'Cancelled', finished_at = now()
                where cancel_requested_at is not null and (state = 'Queued' or state = 'Running' and {Leases.Unowned})
                returning id),
            closed as (update attempts set ended_at = now(), outcome = 'lost' from ended where run_id = id and ended_at is null)
            select pg_notify('convex_runs', id::text)::text from ended
            """);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private async Task ReleaseAbandonedAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var now = new Dictionary<(long, int), int>();
        await using (var find = new NpgsqlCommand(
            $"select r.id, r.attempt from runs r where r.state = 'Running' and r.cancel_requested_at is null and {Leases.Unowned}",
            connection))
        await using (var reader = await find.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel))
            {
                var key = (reader.GetInt64(0), reader.GetInt32(1));
                now[key] = absent.GetValueOrDefault(key) + 1;
            }
        }
        absent = now;
        foreach (var (run, attempt) in now.Where(seen => seen.Value >= Absence).Select(seen => seen.Key))
        {
            await using var release = new NpgsqlCommand(Leases.Release("id = $1 and attempt = $2"), connection)
            {
                Parameters = { new() { Value = run }, new() { Value = attempt } },
            };
            await release.ExecuteNonQueryAsync(cancel);
        }
    }
}
