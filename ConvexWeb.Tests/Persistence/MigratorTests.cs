using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using Dapper;
using Npgsql;

namespace ConvexWeb.Tests.Persistence;

[Trait("kind", "database")]
public sealed class MigratorTests(PostgresCluster cluster) : IAsyncLifetime
{
    private static readonly Migration First = new(1, "0001_first", "create table first (x int)");
    private static readonly Migration Second = new(2, "0002_second", "create table second (x int); insert into second values (1)");

    private NpgsqlDataSource database = null!;

    public async ValueTask InitializeAsync() => database = NpgsqlDataSource.Create(await cluster.CreateDatabaseAsync(migrated: false));

    [Fact]
    public async Task Each_migration_is_applied_once()
    {
        Assert.Equal(1, await new Migrator(database, [First]).ApplyAsync());
        Assert.Equal(1, await new Migrator(database, [First, Second]).ApplyAsync());
        Assert.Equal(0, await new Migrator(database, [First, Second]).ApplyAsync());
        Assert.Equal(1, await CountAsync("second"));
    }

    [Fact]
    public async Task Nodes_that_start_together_apply_each_once()
    {
        var applied = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => new Migrator(database).ApplyAsync()));

        Assert.Equal(Migration.Embedded.Count, applied.Sum());
    }

    [Fact]
    public async Task A_database_that_is_newer_is_refused()
    {
        await new Migrator(database, [First, Second]).ApplyAsync();

        var problem = await Assert.ThrowsAsync<ClusterException>(() => new Migrator(database, [First]).ApplyAsync());

        Assert.Contains("schema 2", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_migration_that_has_changed_is_refused()
    {
        await new Migrator(database, [First]).ApplyAsync();

        await Assert.ThrowsAsync<ClusterException>(
            () => new Migrator(database, [First with { Sql = "create table other (x int)" }]).ApplyAsync());
    }

    [Fact]
    public async Task One_that_fails_leaves_nothing_of_itself()
    {
        var broken = Second with { Sql = "create table second (x int); select 1 / 0" };

        await Assert.ThrowsAsync<PostgresException>(() => new Migrator(database, [First, broken]).ApplyAsync());

        Assert.Equal(1, await CountAsync("migrations"));
        Assert.Equal(1, await new Migrator(database, [First, Second]).ApplyAsync());
    }

    [Fact]
    public void The_embedded_ones_are_numbered_without_a_hole() =>
        Assert.Equal(Enumerable.Range(1, Migration.Embedded.Count), Migration.Embedded.Select(migration => migration.Number));

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await cluster.DropDatabaseAsync(database.ConnectionString);
    }

    private async Task<int> CountAsync(string table)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.ExecuteScalarAsync<int>($"select count(*) from {table}");
    }
}
