using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Npgsql;

namespace ConvexWeb.Tests.Backups;

/// <summary>Backups by the commands, as processes of their own.</summary>
[Trait("kind", "slow")]
public sealed class BackupCommandTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private readonly PostgresCluster cluster = cluster;

    [Fact]
    public async Task D18_A_lab_goes_from_one_place_to_another_and_the_database_that_is_backed_up_keeps_its_schema()
    {
        var (from, to) = (await cluster.CreateDatabaseAsync(migrated: false), await cluster.CreateDatabaseAsync(migrated: false));
        try
        {
            await using var old = NpgsqlDataSource.Create(from);
            await new Migrator(old, [.. Migration.Embedded.Where(migration => migration.Number <= 14)]).ApplyAsync();
            await old.ExecuteAsync("insert into users (id, user_name, normalized_user_name) values (gen_random_uuid(), 'ada', 'ADA')");
            var file = Path.Combine(Folder, "lab.backup");

            Assert.Equal((0, ""), Problem(await ServerCommand.RunAsync(from, Folder, "backup", file)));
            Assert.Equal(14, await old.ScalarAsync<int>("select max(number) from migrations"));
            Assert.Equal("BackupMade", await old.ScalarAsync<string>("select action from audit_entries"));
            Assert.Equal(1, (await ServerCommand.RunAsync(from, Folder, "backup", file)).Code);

            var elsewhere = Path.Combine(Folder, "elsewhere");
            Assert.Equal((0, ""), Problem(await ServerCommand.RunAsync(to, elsewhere, "restore", file)));
            await using var restored = NpgsqlDataSource.Create(to);
            Assert.Equal("ada", await restored.ScalarAsync<string>("select user_name from users"));
            Assert.Equal(
                "BackupRestored", await restored.ScalarAsync<string>("select action from audit_entries order by seq desc limit 1"));
            var (code, said) = await ServerCommand.RunAsync(to, elsewhere, "restore", file);
            Assert.Equal(1, code);
            Assert.Contains("There is a lab in this database already", said, StringComparison.Ordinal);
            Assert.Equal(2, (await ServerCommand.RunAsync(to, elsewhere, "restore")).Code);
        }
        finally
        {
            await cluster.DropDatabaseAsync(from);
            await cluster.DropDatabaseAsync(to);
        }
    }

    // What it says is of interest when it went wrong.
    private static (int Code, string Said) Problem((int Code, string Said) answer) => answer.Code == 0 ? (0, "") : answer;
}
