namespace ConvexWeb.Server.Backups;

public static class BackupsSetup
{
    public static IServiceCollection AddBackups(this IServiceCollection services)
        => services.AddSingleton<BackupWriter>().AddSingleton<BackupRestore>().AddSingleton<NightlyBackup>();
}
