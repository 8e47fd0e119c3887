using System.Diagnostics;
using ConvexWeb.Server.Persistence;
using Npgsql;

namespace ConvexWeb.Tests.Workers;

/// <summary>A PostgreSQL of a test's own, which can be taken away as by a power cut and given back.</summary>
public sealed class CrashingPostgres : IAsyncDisposable
{
    private readonly string folder;
    private PrivateCluster cluster;

    private CrashingPostgres(string folder, PrivateCluster cluster) => (this.folder, this.cluster) = (folder, cluster);

    public string ConnectionString => PrivateCluster.ConnectionString(folder);
    public NpgsqlDataSource Database { get; private set; } = null!;

    public static async Task<CrashingPostgres> StartAsync(string folder)
    {
        var postgres = new CrashingPostgres(folder, await PrivateCluster.StartAsync(folder));
        postgres.Database = NpgsqlDataSource.Create(postgres.ConnectionString);
        await new Migrator(postgres.Database).ApplyAsync();
        return postgres;
    }

    /// <summary>What <c>pg_ctl stop -m immediate</c> does: no checkpoint, no good-bye.</summary>
    public async Task CrashAsync()
    {
        var postmaster = int.Parse((await File.ReadAllLinesAsync(Path.Combine(folder, "cluster", "postmaster.pid")))[0]);
        using var kill = Process.Start("kill", ["-QUIT", $"{postmaster}"]);
        await kill.WaitForExitAsync();
        // Not a child of this process, so there is no exit to await.
        while (Directory.Exists($"/proc/{postmaster}")) await Task.Delay(20); // between two looks
    }

    public async Task RestartAsync()
    {
        await cluster.DisposeAsync(); // it is down already; this gives its lock back
        cluster = await PrivateCluster.StartAsync(folder);
    }

    /// <summary>Starts it again if it has ended, as the product does with its own.</summary>
    public Task ReviveAsync() => cluster.ReviveAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await cluster.DisposeAsync();
    }
}
