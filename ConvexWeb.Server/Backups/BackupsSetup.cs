using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Npgsql;

namespace ConvexWeb.Server.Backups;

public static class BackupsSetup
{
    private const string Patient = "patient";

    public static IServiceCollection AddBackups(this IServiceCollection services) => services
        .AddKeyedSingleton(Patient, (provider, _) => provider.GetRequiredService<Database>().CreatePatientSource())
        .AddSingleton(provider => new BackupWriter(
            provider.GetRequiredKeyedService<NpgsqlDataSource>(Patient), provider.GetRequiredService<RunFolders>(),
            provider.GetRequiredService<TimeProvider>()))
        .AddSingleton(provider => new BackupRestore(
            provider.GetRequiredKeyedService<NpgsqlDataSource>(Patient), provider.GetRequiredService<RunFolders>()))
        .AddSingleton<NightlyBackup>();
}
