using ConvexWeb.Server.Persistence;
using Npgsql;

[assembly: AssemblyFixture(typeof(ConvexWeb.Tests.Support.PostgresCluster))]

namespace ConvexWeb.Tests.Support;

/// <summary>
/// One private PostgreSQL for the whole test run, made with the server's own code, and one database per test class, cloned from
/// a migrated template.
/// </summary>
public sealed class PostgresCluster : IAsyncDisposable
{
    // What makes a database safe against power cuts only slows tests down.
    private static readonly Dictionary<string, string> Fast = new()
    {
        ["fsync"] = "off",
        ["synchronous_commit"] = "off",
        ["full_page_writes"] = "off",
        ["max_connections"] = "400",
    };

    private readonly SemaphoreSlim gate = new(1);
    private readonly TestFolder folder = new();
    private PrivateCluster? cluster;
    private int databases;

    public string Folder => Path.Combine(folder.Path, "pg");

    /// <summary>A fresh database with the server's schema; its connection string.</summary>
    public async Task<string> CreateDatabaseAsync(bool migrated = true)
    {
        await gate.WaitAsync();
        try
        {
            await StartAsync();
            var name = $"test{++databases}";
            await ExecuteAsync($"create database {name} owner convex template {(migrated ? "convex" : "template0")}");
            return PrivateCluster.ConnectionString(Folder, name) + ";Maximum Pool Size=20";
        }
        finally
        {
            gate.Release();
        }
    }

    public async Task DropDatabaseAsync(string connectionString) =>
        await ExecuteAsync($"drop database if exists {new NpgsqlConnectionStringBuilder(connectionString).Database} with (force)");

    public async ValueTask DisposeAsync()
    {
        if (cluster is not null) await cluster.DisposeAsync();
        folder.Dispose();
        gate.Dispose();
    }

    private async Task StartAsync()
    {
        if (cluster is not null) return;
        cluster = await PrivateCluster.StartAsync(Folder, Fast);
        await using var template = NpgsqlDataSource.Create(PrivateCluster.ConnectionString(Folder) + ";Pooling=false");
        await new Migrator(template).ApplyAsync();
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(PrivateCluster.SuperuserConnectionString(Folder) + ";Pooling=false");
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
