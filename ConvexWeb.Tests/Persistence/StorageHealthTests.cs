using ConvexWeb.Server;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Tests.Persistence;

/// <summary>Defect D22 of the security review, in part: a server that can store nothing does not say that it is well.</summary>
public sealed class StorageHealthTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    [Fact]
    public async Task D22_It_is_well_only_while_the_database_takes_a_write()
    {
        await new Migrator(Database).ApplyAsync();
        Assert.Equal(HealthStatus.Healthy, (await AskAsync()).Status);

        await using var connection = await Database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            create function no_room() returns trigger language plpgsql as $$
            begin raise exception 'could not extend file' using errcode = '53100'; end $$;
            create trigger no_room before update on this_database for each row execute function no_room();
            """);

        var full = await AskAsync();
        Assert.Equal(HealthStatus.Unhealthy, full.Status);
        Assert.Contains("disk is full", full.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D22_It_is_well_only_while_the_data_folders_disk_has_room()
    {
        await new Migrator(Database).ApplyAsync();

        Assert.Equal(HealthStatus.Healthy, (await AskAsync(StorageHealth.LeastRoom)).Status);
        var full = await AskAsync(StorageHealth.LeastRoom - 1);

        Assert.Equal(HealthStatus.Unhealthy, full.Status);
        Assert.Contains("63 MiB are left", full.Description, StringComparison.Ordinal);
    }

    private Task<HealthCheckResult> AskAsync(long room = long.MaxValue)
        => new StorageHealth(Database, Options.Create(new Settings { Data = Folder }), TimeProvider.System) { Room = _ => room }
            .CheckHealthAsync(new HealthCheckContext());
}
