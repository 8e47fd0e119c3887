using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Runs;
using ConvexWeb.Server.Scheduling;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Certificates;

/// <summary>
/// Makes certificates agree with runs and queue: a run with a constraint that has succeeded and has none gets one, and one that waits or is
/// being made, and that the queue does not know, goes back into it. Every node does it; whatever was killed when, the next pass finds it.
/// </summary>
internal sealed class CertificateSweep(
    NpgsqlDataSource database, CertificateQueue queue, IOptions<Settings> settings, Steady steady, TimeProvider time,
    ILogger<CertificateSweep> log) : BackgroundService
{
    /// <summary>Whose name stands at a certificate that nobody asked for.</summary>
    public const string Automatic = "automatic";

    private const long Lock = 0x43657274; // "Cert"
    private const int MostAtOnce = 20;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    private HashSet<Guid> suspects = [];

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => steady.RunAsync("Looking after certificates", LookAfterAsync, stoppingToken);

    private async Task LookAfterAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stop))
        {
            try
            {
                await PassAsync(stop);
            }
            catch (PostgresException problem) when (problem.SqlState == PostgresErrorCodes.UndefinedTable)
            {
                // The first start of all: the queue's tables are being made.
            }
        }
    }

    public async Task PassAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var tryLock = new NpgsqlCommand($"select pg_try_advisory_xact_lock({Lock})", connection, transaction);
        if (await tryLock.ExecuteScalarAsync(cancel) is not true) return;

        // Seen in two passes, because one is for moments in neither place while a worker that stops hands it back.
        var lost = await LostAsync(connection, cancel);
        var queued = lost.Where(certificate => suspects.Contains(certificate.Id)).ToList();
        suspects = [.. lost.Select(certificate => certificate.Id)];
        if (queued.Count > 0) log.LogWarning("{Count} certificates were missing in the queue and are back", queued.Count);

        var runs = settings.Value.CertifyRuns ? await UncertifiedAsync(connection, cancel) : [];
        foreach (var run in runs)
        {
            var (id, _) = await CertificateRequests.StoreAsync(connection, run, Automatic, cancel);
            queued.Add(new(id, run.ExecutionGroup));
        }
        if (queued.Count == 0) return;
        await queue.EnqueueAsync(connection, transaction, queued, cancel);
        await RunChanges.NotifyAsync(connection, [.. runs.Select(run => run.RunId)], cancel);
        await transaction.CommitAsync(cancel);
    }

    private static async Task<List<QueuedCertificate>> LostAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select c.id, r.execution_group from certificates c join runs r on r.id = c.run_id
            where c.state in ('queued', 'running')
              and not exists (select from {RunTriggers.Schema}.qrtz_triggers t
                  where t.sched_name = '{RunTriggers.Scheduler}' and t.job_group = '{CertificateQueue.Group}' and t.job_name = c.id::text)
              and not exists (select from {RunTriggers.Schema}.qrtz_fired_triggers f
                  where f.sched_name = '{RunTriggers.Scheduler}' and f.job_group = '{CertificateQueue.Group}' and f.job_name = c.id::text)
            limit {MostAtOnce}
            """, connection);
        var lost = new List<QueuedCertificate>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel)) lost.Add(new(reader.GetGuid(0), reader.GetString(1)));
        return lost;
    }

    private static async Task<List<Requested>> UncertifiedAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        // Of the last day: whoever brings this program to an old database is not to wait for certificates of everything in it.
        await using var command = new NpgsqlCommand(
            $"""
            select r.id, r.execution_group, k.attempt, k.step, k.sha256, r.spec::text
            from runs r cross join lateral (select * from checkpoints where run_id = r.id and kind = 'last' order by attempt desc limit 1) k
            where r.state = 'Succeeded' and r.convexity <> 'none' and r.finished_at > now() - interval '1 day'
              and not exists (select from certificates c where c.run_id = r.id)
            order by r.finished_at limit {MostAtOnce}
            """, connection);
        var runs = new List<Requested>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            runs.Add(new(reader.GetInt64(0), reader.GetString(1), reader.GetInt32(2), "last", reader.GetInt64(3), reader.GetString(4),
                CertificateCost.Pairs(reader.GetString(5)), Twin: null));
        }
        return runs;
    }
}
