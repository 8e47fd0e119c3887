using System.Net;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// Runs to look at, one in each state that a run and its certificate can be in, and workers that are not as they should be. What passes too
/// quickly for a picture is written into the database as it would stand there.
/// </summary>
public sealed class ShownRuns : IAsyncDisposable
{
    private const string Small = """
        {"model":{"name":"mlp","width":16},"data":{"name":"glyphs","train_size":200,"test_size":100},
         "training":{"epochs":2,"batch_size":50}}
        """;

    private readonly Installation installation;

    private ShownRuns(Installation installation) => this.installation = installation;

    public required long Finished { get; init; }
    public required long Certified { get; init; }
    public required long Waiting { get; init; }
    public required long Running { get; init; }
    public required long Paused { get; init; }
    public required long Cancelled { get; init; }
    public required long Failed { get; init; }

    /// <summary>One without a constraint, whose certificate says that it is not convex.</summary>
    public required long Refuted { get; init; }
    public required long CertificateWaiting { get; init; }
    public required long CertificateRunning { get; init; }
    public required long CertificateFailed { get; init; }

    public static async Task<ShownRuns> PrepareAsync(Product product)
    {
        var (installation, database) = (product.Installation, product.Installation.Database);
        using var client = await installation.ClientAsync();
        var small = await client.SubmitAsync(Small, [0, 1, 2, 3, 4, 5, 6, 7]);
        foreach (var run in small) await database.UntilAsync(run, RunState.Succeeded);

        await RequestAsync(client, small[0]);
        await database.UntilAsync(
            "select exists (select from certificates where run_id = @run and result is not null)", new { run = small[0] });
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("update work_items set queue = 'elsewhere' where run_id = any(@small)", new { small });
        foreach (var run in small[1..4]) await RequestAsync(client, run);
        await connection.ExecuteAsync(
            """
            update work_items set state = 'Running', worker = 'gpu-2', attempt = 1, started_at = now(),
                lease_until = now() + interval '1 hour'
            where kind = 'certificate' and run_id = @making;
            update work_items set state = 'Failed', attempt = 3, finished_at = now(), reason_code = 'died',
                reason = 'The trainer died 3 times without a new checkpoint. The trainer was killed by signal 11.'
            where kind = 'certificate' and run_id = @failed;
            update work_items set state = 'Failed', reason_code = 'out_of_memory',
                reason = 'It ran out of memory with 8192 MB kept for it. The trainer had 7,911 MB of 8,000 MB of gpu-2, of which other '
                    || 'programs used 40 MB. Lower training.batch_size, or choose workers with more memory.'
            where kind = 'run' and run_id = @away;
            update work_items set state = 'Paused', finished_at = null, reason = 'Paused by ada.' where run_id = @paused;
            update work_items set state = 'Cancelled', reason = 'Cancelled by ada.' where run_id = @cancelled;
            update work_items set state = 'Running', worker = 'gpu-2', finished_at = null, lease_until = now() + interval '1 hour'
            where run_id = @running;
            update runs set epochs = 25000, total_steps = 100000, step = 60000 where id = @running;
            insert into workers (name, host, slots, queues, started_at, last_seen, product_version, draining, refused) values
                ('gpu-2', 'gpu-2.example', 4, 'gpu', now() - interval '2 days', now() - interval '7 minutes', '0.2.0', false, null),
                ('gpu-3', 'gpu-3.example', 4, 'gpu', now() - interval '2 days', now() + interval '1 hour', '0.2.0', true, null),
                ('gpu-4', 'gpu-4.example', 4, 'gpu', now() - interval '2 days', now() + interval '1 hour', '0.1.0', false,
                    'This worker is version 0.1.0, and the server of its database is version 0.2.0: they must be the same.')
            """,
            new { making = small[2], failed = small[3], away = small[4], paused = small[5], cancelled = small[6], running = small[7] });
        return new(installation)
        {
            Finished = await product.FinishedRunAsync(),
            Certified = await product.CertifiedRunAsync(),
            Waiting = await product.WaitingRunAsync(),
            Running = small[7],
            Paused = small[5],
            Cancelled = small[6],
            Failed = small[4],
            Refuted = small[0],
            CertificateWaiting = small[1],
            CertificateRunning = small[2],
            CertificateFailed = small[3],
        };
    }

    /// <summary>Leaves nothing behind that other tests might meet: nothing runs, and the workers are gone.</summary>
    public async ValueTask DisposeAsync()
    {
        await using var connection = await installation.Database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            update work_items set state = 'Cancelled' where worker = 'gpu-2';
            delete from workers where name like 'gpu-%'
            """);
    }

    private static async Task RequestAsync(HttpClient client, long run)
    {
        using var requested = await client.PostJsonAsync($"/api/v1/runs/{run}/certificate", """{"pairs":50}""");
        await requested.ReadAsync<CertificateView>(HttpStatusCode.Accepted);
    }
}
