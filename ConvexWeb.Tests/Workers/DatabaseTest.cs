using ConvexWeb.Tests.Support;
using Npgsql;

namespace ConvexWeb.Tests.Workers;

/// <summary>A database and a data folder for each test.</summary>
/// <param name="migrated">Whether it has this program's schema; else it is empty.</param>
/// <param name="durable">A commit waits for the disk, as in the product.</param>
[Trait("kind", "database")]
public abstract class DatabaseTest(PostgresCluster cluster, bool migrated = true, bool durable = false) : IAsyncLifetime
{
    private readonly TestFolder folder = new();

    protected string ConnectionString { get; private set; } = "";
    protected NpgsqlDataSource Database { get; private set; } = null!;
    protected string Folder => folder.Path;

    public async ValueTask InitializeAsync()
    {
        ConnectionString = await cluster.CreateDatabaseAsync(migrated, durable);
        Database = NpgsqlDataSource.Create(ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await cluster.DropDatabaseAsync(ConnectionString);
        folder.Dispose();
    }

    protected async Task<TrainingNode> StartNodeAsync(params (string Key, string Value)[] settings)
        => await TrainingNode.StartAsync(ConnectionString, Folder, settings);
}
