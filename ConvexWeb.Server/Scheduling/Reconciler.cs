using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Makes rows and tickets agree, whatever was killed when: an item whose worker stays away waits again, or ends where that was wished; an
/// urgent item that finds no slot asks for one; and what waits gets tickets. Every node does it; each pass is idempotent.
/// </summary>
internal sealed class Reconciler(
    NpgsqlDataSource database, Preemption preemption, TicketOffice office, WorkerSettings settings, ServiceLoop loop, TimeProvider time)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1.5);

    // A connection that opens later than the connection string allows fails.
    private readonly Absences absences = new(
        settings, Interval, TimeSpan.FromSeconds(new NpgsqlConnectionStringBuilder(database.ConnectionString).Timeout), time);

    // Each by itself: a ticket that cannot be made must not keep an item from being given back.
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        loop.RunAsync("Looking for workers that are gone", stop => RepeatAsync(ReleaseAbandonedAsync, stop), stoppingToken),
        loop.RunAsync("Looking after the queue", stop => RepeatAsync(LookAfterAsync, stop), stoppingToken));

    private async Task RepeatAsync(Func<CancellationToken, Task> pass, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            await pass(stop);
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    private async Task LookAfterAsync(CancellationToken cancel)
    {
        await preemption.PassAsync(cancel);
        await office.PassAsync(cancel);
    }

    private sealed record Overdue(long Id, int Attempt);

    private async Task ReleaseAbandonedAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var overdue = await connection.QueryAsync<Overdue>(new(
            $"select i.id, i.attempt from work_items i where {Leases.IsOver}", cancellationToken: cancel));
        var abandoned = absences.Judge(overdue.Select(item => (item.Id, item.Attempt)));
        if (abandoned.Count == 0) return;
        await connection.ExecuteAsync(new(
            Leases.Release("(i.id, i.attempt) in (select * from unnest(@items, @attempts))"),
            new
            {
                items = abandoned.Select(seen => seen.Item).ToArray(),
                attempts = abandoned.Select(seen => seen.Attempt).ToArray(),
            },
            cancellationToken: cancel));
    }
}
