using System.Text.Json;
using ConvexWeb.Server.Hosts;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>Figures of workers' devices over time.</summary>
public sealed class WorkerSamples(NpgsqlDataSource database, WorkerSettings settings)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan Kept = TimeSpan.FromDays(7);

    /// <summary>Devices as the database has them: camelCase, as in the API.</summary>
    public static string Json(IReadOnlyList<DeviceReport> devices) => JsonSerializer.Serialize(devices, JsonSerializerOptions.Web);

    public async Task StoreAsync(IReadOnlyList<DeviceReport> devices, CancellationToken cancel = default)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(
            """
            insert into worker_samples (worker, at, device, utilisation, memory_used_mb, memory_total_mb, temperature, power)
            select @Name, now(), d.name, d.utilisation, d."memoryUsedMb", d."memoryTotalMb", d.temperature, d.power
            from jsonb_to_recordset(@devices::jsonb) as d(
                name text, utilisation real, "memoryUsedMb" int, "memoryTotalMb" int, temperature real, power real)
            on conflict do nothing
            """, new { settings.Name, devices = Json(devices) }, cancellationToken: cancel));
    }

    /// <summary>Deletes what is older than <see cref="Kept"/>, of all workers.</summary>
    public async Task<int> ForgetAsync(CancellationToken cancel = default)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.ExecuteAsync(new CommandDefinition(
            "delete from worker_samples where at < now() - make_interval(secs => @seconds)",
            new { seconds = Kept.TotalSeconds }, cancellationToken: cancel));
    }
}
