using Dapper;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace ConvexWeb.Server.Persistence;

public sealed class DatabaseHealth(NpgsqlDataSource source) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            await connection.ExecuteScalarAsync(new CommandDefinition("select 1", cancellationToken: cancellationToken));
            return HealthCheckResult.Healthy();
        }
        catch (NpgsqlException problem)
        {
            return HealthCheckResult.Unhealthy("The database cannot be reached.", problem);
        }
    }
}
