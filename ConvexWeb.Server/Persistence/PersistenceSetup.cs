using System.Data.Common;
using Npgsql;

namespace ConvexWeb.Server.Persistence;

public static class PersistenceSetup
{
    /// <summary>The database: <c>ConnectionStrings:Convex</c>, or else a private cluster in the data folder.</summary>
    public static IServiceCollection AddPersistence(this IServiceCollection services)
    {
        services.AddSingleton<Database>();
        services.AddSingleton(provider => provider.GetRequiredService<Database>().CreateSource());
        services.AddSingleton<DbDataSource>(provider => provider.GetRequiredService<NpgsqlDataSource>());
        services.AddHostedService(provider => provider.GetRequiredService<Database>());
        services.AddSingleton<DatabaseRetry>().AddSingleton<ServiceLoop>().AddSingleton<Listener>();
        services.AddHealthChecks().AddCheck<StorageHealth>("storage");
        return services;
    }

    /// <summary>Makes the database ready before anything starts that needs it.</summary>
    public static Task PrepareDatabaseAsync(this WebApplication app)
        => app.Services.GetRequiredService<Database>().PrepareAsync(CancellationToken.None);
}
