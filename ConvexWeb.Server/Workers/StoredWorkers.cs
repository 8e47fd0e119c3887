using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Leasing;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace ConvexWeb.Server.Workers;

/// <summary>The workers of the cluster, as pages show them.</summary>
public sealed class StoredWorkers(NpgsqlDataSource database, Caller caller) : IWorkers
{
    public async Task<IReadOnlyList<WorkerView>> ListAsync(CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var command = database.CreateCommand(
            """
            select w.name, w.host, w.slots, w.queues, w.last_seen > now() - $1, w.last_seen,
                   array(select i.run_id from work_items i where i.state = 'Running' and i.worker = w.name and i.kind = 'run' order by i.run_id),
                   array(select i.run_id from work_items i
                         where i.state = 'Running' and i.worker = w.name and i.kind = 'certificate' order by i.run_id)
            from workers w order by w.name
            """);
        command.Parameters.Add(new() { Value = WorkerHeartbeat.Silence });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var workers = new List<WorkerView>();
        while (await reader.ReadAsync(cancel))
        {
            workers.Add(new(reader.GetString(0), reader.GetString(1), reader.GetInt32(2), reader.GetString(3), reader.GetBoolean(4),
                reader.GetFieldValue<DateTimeOffset>(5), reader.GetFieldValue<long[]>(6), reader.GetFieldValue<long[]>(7)));
        }
        return workers;
    }
}

public static class WorkersApi
{
    public static void MapWorkers(this IEndpointRouteBuilder api) =>
        api.MapGet("/workers", List).WithTags("Workers").WithSummary("Workers of the cluster and what they train now");

    private static async Task<Ok<IReadOnlyList<WorkerView>>> List(IWorkers workers, CancellationToken cancel)
        => TypedResults.Ok(await workers.ListAsync(cancel));
}
