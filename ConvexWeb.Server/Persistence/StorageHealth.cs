using Dapper;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Persistence;

/// <summary>
/// Whether something can be stored: the database takes a write, and the disk of the data folder has room. Asked often, it looks again only
/// every few seconds.
/// </summary>
public sealed class StorageHealth(NpgsqlDataSource source, IOptions<Settings> settings, TimeProvider time) : IHealthCheck
{
    /// <summary>With less room than this on its disk, a checkpoint may not fit.</summary>
    public const long LeastRoom = 64L << 20;

    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    /// <summary>Bytes that are left on a folder's disk.</summary>
    internal Func<string, long> Room { get; init; } = folder => new DriveInfo(folder).AvailableFreeSpace;

    private (long At, HealthCheckResult Result)? last;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (last is { } known && time.GetElapsedTime(known.At) < Fresh && known.Result.Status == HealthStatus.Healthy) return known.Result;
        var result = Look(settings.Value.DataFolder) ?? await WriteAsync(cancellationToken);
        last = (time.GetTimestamp(), result);
        return result;
    }

    private async Task<HealthCheckResult> WriteAsync(CancellationToken cancel)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancel);
            await connection.ExecuteAsync(new CommandDefinition("update this_database set checked_at = now()", cancellationToken: cancel));
            return HealthCheckResult.Healthy();
        }
        catch (PostgresException problem) when (problem.SqlState == PostgresErrorCodes.DiskFull)
        {
            return HealthCheckResult.Unhealthy("The database's disk is full.", problem);
        }
        catch (NpgsqlException problem)
        {
            return HealthCheckResult.Unhealthy("The database cannot be reached.", problem);
        }
    }

    private HealthCheckResult? Look(string folder)
    {
        try
        {
            var room = Room(folder);
            return room < LeastRoom
                ? HealthCheckResult.Unhealthy($"The disk of the data folder is full: {room >> 20} MiB are left.")
                : null;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return HealthCheckResult.Unhealthy("The data folder cannot be read.", problem);
        }
    }
}
