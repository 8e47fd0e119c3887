using System.Text.Json.Nodes;
using Dapper;
using Npgsql;

namespace ConvexWeb.Tests.Support;

/// <summary>Puts into the database what workers would put there.</summary>
public static class StoredRun
{
    public const string Spec = """{"model":{"name":"mlp","width":32},"data":{"name":"glyphs"},"training":{"epochs":2,"batch_size":50}}""";

    public static async Task<long> SubmitAsync(this HttpClient client, string? more = null)
    {
        using var response = await client.PostJsonAsync("/api/v1/runs", $$"""{"spec":{{Spec}}{{more}}}""");
        var answer = await response.ReadAsync<JsonObject>(System.Net.HttpStatusCode.Created);
        return (long)answer["runIds"]![0]!;
    }

    public static async Task StartAttemptAsync(this NpgsqlDataSource database, long run, int attempt = 1, long resumedStep = 0)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            insert into attempts (run_id, number, worker, lease_until, resumed_step)
            values (@run, @attempt, 'worker-1', now() + interval '1 minute', @resumedStep);
            update runs set state = 'Running', attempt = @attempt, started_at = now() where id = @run;
            select pg_notify('convex_runs', @run::text);
            """, new { run, attempt, resumedStep });
    }

    /// <summary>Stores points with the run's next sequence numbers, in the order given, and says so to the web nodes.</summary>
    public static async Task AddPointsAsync(
        this NpgsqlDataSource database, long run, int attempt, string metric, params (long Step, double Value)[] points)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync("insert into metrics (name) values (@metric) on conflict (name) do nothing", new { metric });
        foreach (var (step, value) in points)
        {
            await connection.ExecuteAsync(
                """
                with next as (update runs set last_seq = last_seq + 1 where id = @run returning last_seq)
                insert into points (run_id, metric_id, step, attempt, epoch, value, seq, at)
                select @run, m.id, @step, @attempt, @step / 10.0, @value, next.last_seq, now() from metrics m, next where m.name = @metric
                """, new { run, metric, step, attempt, value });
        }
        await connection.ExecuteAsync("select pg_notify('convex_points', @run::text)", new { run });
        await transaction.CommitAsync();
    }
}
