using System.Text.Json.Nodes;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Training.Events;
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
            insert into attempts (item_id, number, worker)
            select id, @attempt, 'worker-1' from work_items where kind = 'run' and run_id = @run;
            insert into journals (run_id, attempt, resumed_step) values (@run, @attempt, @resumedStep);
            update work_items set state = 'Running', attempt = @attempt, started_at = now(), worker = 'worker-1',
                lease_until = now() + interval '1 minute'
            where kind = 'run' and run_id = @run;
            select pg_notify('convex_runs', @run::text);
            """, new { run, attempt, resumedStep });
    }

    /// <summary>Stores points with the run's next sequence numbers, in their order, as the worker of its newest attempt would.</summary>
    public static async Task AddPointsAsync(
        this NpgsqlDataSource database, long run, int attempt, string metric, params (long Step, double Value)[] points)
    {
        await using var connection = await database.OpenConnectionAsync();
        var (item, owner) = await connection.QuerySingleAsync<(long, int)>(
            "select id, attempt from work_items where kind = 'run' and run_id = @run", new { run });
        var line = await connection.ExecuteScalarAsync<long>(
            "select stored_line from journals where run_id = @run and attempt = @attempt", new { run, attempt });
        var events = points.Select(TrainingEvent (point) =>
            new PointsEvent(point.Step, point.Step / 10.0, new Dictionary<string, double> { [metric] = point.Value })
            {
                N = ++line,
                At = TimeProvider.System.GetUtcNow(),
            }).ToList();
        var writer = new PointWriter(database, new MetricIds(database), new());
        Assert.True(await writer.WriteAsync(
            new Assignment(default, item, WorkKind.Run, run, owner), attempt, new JournalBatch(events, line, More: false), [],
                announce: false));
    }
}
