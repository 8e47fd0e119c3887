using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
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
    /// <summary>Whose name stands at a certificate that nobody asked for.</summary>
    public const string Automatic = "automatic";

    private const long Lock = 0x43657274; // "Cert"
    private const int MostAtOnce = 20;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

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
            await using var tryLock = new NpgsqlCommand($"select pg_try_advisory_xact_lock({Lock})", connection, transaction);
            if (await tryLock.ExecuteScalarAsync(cancel) is not true) return;

            var runs = await UncertifiedAsync(connection, cancel);
            if (runs.Count == 0) return;
            foreach (var run in runs) await CertificateRequests.StoreAsync(connection, run, Automatic, cancel);
            await RunChanges.NotifyAsync(connection, [.. runs.Select(run => run.RunId)], cancel);
            await transaction.CommitAsync(cancel);
        }
        await queue.AnnounceAsync(cancel);
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
