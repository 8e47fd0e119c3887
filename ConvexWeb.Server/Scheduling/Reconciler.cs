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

    private readonly Absences absences = new(settings, time);

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => loop.RunAsync("Looking after the queue", LookAfterAsync, stoppingToken);

    private async Task LookAfterAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await PassAsync(stop);
            }
            catch
            {
                absences.Break();
                throw;
            }
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    public async Task PassAsync(CancellationToken cancel)
    {
        await ReleaseAbandonedAsync(time.GetTimestamp(), cancel);
        await preemption.PassAsync(cancel);
        await office.PassAsync(cancel);
    }

    private sealed record Overdue(long Id, int Attempt);

    private async Task ReleaseAbandonedAsync(long asked, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var overdue = await connection.QueryAsync<Overdue>(new(
            $"select i.id, i.attempt from work_items i where {Leases.IsOver}", cancellationToken: cancel));
        var abandoned = absences.Judge(overdue.Select(item => (item.Id, item.Attempt)), asked);
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
