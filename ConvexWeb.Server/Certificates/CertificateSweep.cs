using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Certificates;

/// <summary>
/// A run with a constraint that has succeeded and has no certificate gets one. Every node looks; whatever was killed when, the next pass
/// finds it.
/// </summary>
internal sealed class CertificateSweep(
    NpgsqlDataSource database, IWorkQueue queue, IOptions<Settings> settings, ServiceLoop loop, TimeProvider time) : BackgroundService
{
    private const long Lock = 0x43657274; // "Cert"
    private const int MostAtOnce = 20;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    // Of the run of item i. One that somebody else has asked for and cancelled says nothing of what its creator wants.
    private const string CertificatesThatCount =
        """
        select from certificates c join work_items o on o.id = c.item_id
        where c.run_id = i.run_id and (o.state <> 'Cancelled' or o.created_by = i.created_by)
        """;

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => loop.RunAsync("Looking after certificates", LookAfterAsync, stoppingToken);

    private async Task LookAfterAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stop)) await PassAsync(stop);
    }

    public async Task PassAsync(CancellationToken cancel)
    {
        if (!settings.Value.CertifyRuns) return;
        await using (var connection = await database.OpenConnectionAsync(cancel))
        {
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            if (!await connection.ExecuteScalarAsync<bool>(
                    new($"select pg_try_advisory_xact_lock({Lock})", cancellationToken: cancel)))
            {
                return;
            }

            // Of the last day: who brings this program to an old database is not to wait for certificates of everything in it.
            var runs = (await connection.QueryAsync<Row>(new(
                $"""
                select r.id, k.attempt, k.step, k.sha256, r.spec::text as spec
                from work_items i join runs r on r.id = i.run_id
                cross join lateral (select * from checkpoints where run_id = r.id and kind = 'last' order by attempt desc limit 1) k
                where i.kind = 'run' and i.state = 'Succeeded' and i.finished_at > now() - interval '1 day' and r.convexity <> 'none'
                  and not exists ({CertificatesThatCount})
                order by i.finished_at limit {MostAtOnce}
                """, cancellationToken: cancel))).AsList();
            if (runs.Count == 0) return;

            // A user may have asked for one since: looked at under the lock, when no further one can come.
            var ids = runs.Select(run => run.Id).ToArray();
            await CertificateRequests.LockAsync(connection, ids, cancel);
            var asked = (await connection.QueryAsync<long>(new(
                $"select i.run_id from work_items i where i.kind = 'run' and i.run_id = any(@ids) and exists ({CertificatesThatCount})",
                new { ids }, cancellationToken: cancel))).ToHashSet();
            List<Requested> wanted =
            [
                .. runs.Where(run => !asked.Contains(run.Id)).Select(run => new Requested(
                    run.Id, run.Attempt, "last", run.Step, run.Sha256, CertificateCost.Pairs(run.Spec), Twin: null)),
            ];
            await CertificateRequests.InsertAsync(connection, wanted, by: null, Priority.Lowest, cancel);
            await RunChanges.NotifyAsync(connection, [.. wanted.Select(certificate => certificate.RunId)], cancel);
            await transaction.CommitAsync(cancel);
        }
        await queue.AnnounceAsync(cancel);
    }

    private sealed record Row(long Id, int Attempt, long Step, string Sha256, string Spec);
}
