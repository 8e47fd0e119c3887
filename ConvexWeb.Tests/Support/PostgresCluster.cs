using System.Collections.Concurrent;
using ConvexWeb.Server.Persistence;
using Npgsql;

[assembly: AssemblyFixture(typeof(ConvexWeb.Tests.Support.PostgresCluster))]

namespace ConvexWeb.Tests.Support;

/// <summary>
/// One private PostgreSQL for the whole test run, made with the server's own code, and one database per test class, cloned from
/// a migrated template. A second one, which waits for the disk as the product's does, is started when a bench asks for it.
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

    // What the product says (ClusterTuning): fsync, full_page_writes and synchronous_commit are on.
    private static readonly Dictionary<string, string> Durable = new() { ["max_connections"] = "400" };

    private readonly SemaphoreSlim gate = new(1);
    private readonly TestFolder folder = new();
    private readonly ConcurrentDictionary<string, PrivateCluster> clusters = new();
    private int databases;

    public string Folder => FolderOf(durable: false);

    /// <summary>A fresh database with the server's schema; its connection string.</summary>
    /// <param name="durable">A commit waits for the disk, as in the product; for what measures time.</param>
    public async Task<string> CreateDatabaseAsync(bool migrated = true, bool durable = false)
    {
        var place = FolderOf(durable);
        await gate.WaitAsync();
        try
        {
            await StartAsync(place, durable ? Durable : Fast);
            var name = $"test{++databases}";
            await ExecuteAsync(place, $"create database {name} owner convex template {(migrated ? "convex" : "template0")}");
            return PrivateCluster.ConnectionString(place, name) + ";Maximum Pool Size=20";
        }
        finally
        {
            gate.Release();
        }
    }

    public async Task DropDatabaseAsync(string connectionString)
    {
        var address = new NpgsqlConnectionStringBuilder(connectionString);
        var place = clusters.Single(started => started.Value.SocketFolder == address.Host).Key;
        await ExecuteAsync(place, $"drop database if exists {address.Database} with (force)");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var cluster in clusters.Values) await cluster.DisposeAsync();
        folder.Dispose();
        gate.Dispose();
    }

    private string FolderOf(bool durable) => Path.Combine(folder.Path, durable ? "pg-durable" : "pg");

    private async Task StartAsync(string place, Dictionary<string, string> settings)
    {
        if (clusters.ContainsKey(place)) return;
        clusters[place] = await PrivateCluster.StartAsync(place, settings);
        await using var template = NpgsqlDataSource.Create(PrivateCluster.ConnectionString(place) + ";Pooling=false");
        await new Migrator(template).ApplyAsync();
    }

    private static async Task ExecuteAsync(string place, string sql)
    {
        await using var source = NpgsqlDataSource.Create(PrivateCluster.SuperuserConnectionString(place) + ";Pooling=false");
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
