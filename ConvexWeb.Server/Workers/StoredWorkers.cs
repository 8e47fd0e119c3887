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
            select w.name, w.host, w.slots, w.groups, w.last_seen > now() - $1, w.last_seen,
                   array(select r.id from runs r join attempts a on a.run_id = r.id and a.number = r.attempt
                         where r.state = 'Running' and a.ended_at is null and a.worker = w.name order by r.id),
                   array(select c.run_id from certificates c where c.state = 'running' and c.worker = w.name order by c.run_id)
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
