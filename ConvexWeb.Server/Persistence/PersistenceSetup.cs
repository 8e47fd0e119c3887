using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Persistence;

public static class PersistenceSetup
{
    /// <summary>The database: <c>ConnectionStrings:Convex</c>, or else a private cluster in the data folder.</summary>
    public static IServiceCollection AddPersistence(this IServiceCollection services)
    {
        services.AddSingleton<Database>();
        services.AddSingleton(provider => NpgsqlDataSource.Create(provider.GetRequiredService<Database>().ConnectionString));
        services.AddSingleton<DbDataSource>(provider => provider.GetRequiredService<NpgsqlDataSource>());
        services.AddHostedService(provider => provider.GetRequiredService<Database>());
        services.AddPooledDbContextFactory<ConvexDb>((provider, options) => options.UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<ConvexDb>>().CreateDbContext());
        services.AddHealthChecks().AddCheck<DatabaseHealth>("database");
        return services;
    }

    /// <summary>Makes the database ready before anything starts that needs it.</summary>
    public static Task PrepareDatabaseAsync(this WebApplication app) => app.Services.GetRequiredService<Database>().PrepareAsync(CancellationToken.None);
}

/// <summary>Has the database ready before anything else starts, and takes a private one down after everything else has stopped.</summary>
public sealed class Database(IOptions<Settings> settings, IConfiguration configuration, IServiceProvider services, ILogger<Database> log)
    : IHostedLifecycleService, IAsyncDisposable
{
    private readonly string? given = configuration.GetConnectionString("Convex");
    private PrivateCluster? cluster;

    private string Folder => Path.Combine(settings.Value.DataFolder, "postgres");

    public string ConnectionString => string.IsNullOrWhiteSpace(given) ? PrivateCluster.ConnectionString(Folder) : given;

    public async Task PrepareAsync(CancellationToken cancel)
    {
        if (string.IsNullOrWhiteSpace(given))
        {
            cluster = await PrivateCluster.StartAsync(Folder, cancel: cancel);
            log.LogInformation("Private database in {Folder} ({Ownership})", Folder, cluster.Owned ? "stopped with this server" : "kept by another process");
        }

        try
        {
            var applied = await new Migrator(services.GetRequiredService<NpgsqlDataSource>()).ApplyAsync(cancel);
            if (applied > 0) log.LogInformation("Applied {Count} migrations", applied);
        }
        catch (NpgsqlException problem) when (problem is not PostgresException)
        {
            throw new ClusterException($"The database of ConnectionStrings:Convex cannot be reached: {problem.Message}", problem);
        }
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => DisposeAsync().AsTask();

    /// <summary>Also after a start that failed: then nothing was started that could be stopped.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref cluster, null) is { } running) await running.DisposeAsync();
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

public sealed class DatabaseHealth(NpgsqlDataSource source) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await using var command = source.CreateCommand("select 1");
            await command.ExecuteScalarAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (NpgsqlException problem)
        {
            return HealthCheckResult.Unhealthy("The database cannot be reached.", problem);
        }
    }
}
