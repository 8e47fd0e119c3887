using System.Text.Json;
using ConvexWeb.Server.Hosts;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>Figures of workers' devices over time.</summary>
public sealed class WorkerSamples(NpgsqlDataSource database, WorkerSettings settings)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>A recurring job deletes older ones.</summary>
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
}
